"""ICDAR's folders of `gt_NAME.txt`, with the images `NAME.*` beside them or in a folder beside theirs."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.folders.split_names import split_within
from train.data.formats import FORMATS, images_in
from train.data.formats.region_lists import corner_region, lines_of, plain_texts, skipped_fields
from train.data.photos.regions import Region, as_region, label_of
from train.data.sample import Sample
from train.errors import DataError

PREFIX = "gt_"
RECTANGLE = re.compile(r'(-?\d+),? +(-?\d+),? +(-?\d+),? +(-?\d+),? +"(.*)"')
"""A line of ICDAR 2013: left, top, right, bottom, "text"."""
ESCAPED = re.compile(r"\\([\"\\])")
"""A quotation mark or a backslash in such a text."""


@FORMATS.register("icdar")
class Icdar:
    """Folders as they are downloaded; a split is told by `train`, `val` or `test` in a folder's name.

    Option `skip`: fields between the corners and the text, 1 for the MLT sets, which name a script there.
    """

    task: ClassVar[str] = "detection"
    options: ClassVar[Mapping[str, str]] = {"skip": "0"}
    explicit: ClassVar[frozenset[str]] = frozenset()
    turn: ClassVar[int] = 0

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folder of labels of each split; a folder without a split's name stands alone, as `all`."""
        if not root.is_dir():
            return {}
        if _is_ours(root):
            return {"all": root}
        folders = [
            inner for folder in _folders(root) for inner in (folder, *_folders(folder)) if _is_ours(inner)
        ]
        named = [(split, folder) for folder in folders if (split := _split(folder, root))]
        files = dict(named or [("all", folder) for folder in folders])
        if len(files) < len(folders):
            raise DataError(
                "each split must have one folder of gt_*.txt, named after it",
                f"{root} with {', '.join(folder.name for folder in folders)}",
                "put train, val or test into their names, or point at one of them",
            )
        return files

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a label file, by name."""
        skip = skipped_fields(options.get("skip", "0"))
        folder = path.absolute()
        beside, around = _images(folder), [_images(place) for place in _image_folders(folder)]
        files = _labels(folder)
        photos = [[_region(line, source, skip) for line, source in lines_of(labels)] for labels in files]
        for labels, regions in zip(files, plain_texts(folder, photos, skip), strict=True):
            yield Sample(_image(labels, beside, around), label_of(regions), f"{labels}:1")


def _labels(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"{PREFIX}*.txt"))


def _is_ours(folder: Path) -> bool:
    return next(folder.glob(f"{PREFIX}*.txt"), None) is not None


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _split(folder: Path, root: Path) -> str | None:
    """Return the split that the names of the folders below `root` tell."""
    return split_within(folder.relative_to(root).as_posix())


def _image_folders(folder: Path) -> list[Path]:
    """Return the folders below and beside a folder of labels, without those of another split.

    The images of ICDAR's training and test sets bear the same names.
    """
    beside = [path for path in _folders(folder.parent) if path != folder]
    split = _split(folder, folder.parent)
    return [*_folders(folder), *(path for path in beside if _split(path, folder.parent) in (split, None))]


def _images(folder: Path) -> dict[str, list[Path]]:
    """Return the images in a folder by their names without suffixes."""
    images: dict[str, list[Path]] = {}
    for path in images_in(folder):
        images.setdefault(path.stem, []).append(path)
    return images


def _image(labels: Path, beside: dict[str, list[Path]], around: list[dict[str, list[Path]]]) -> Path:
    name = labels.stem.removeprefix(PREFIX)
    found = beside.get(name) or [path for place in around for path in place.get(name, ())]
    if len(found) != 1:
        raise DataError(
            f"each {PREFIX}NAME.txt must have one image NAME.*, beside it or in a folder beside its own",
            f"{labels} with {', '.join(map(str, found)) or 'none'}",
            "add the image, or remove the wrong one",
        )
    return found[0]


def _region(line: str, source: str, skip: int) -> Region:
    if match := RECTANGLE.fullmatch(line.strip()):
        left, top, right, bottom = map(float, match.groups()[:4])
        text = ESCAPED.sub(r"\1", match[5])
        return as_region([left, top, right, top, right, bottom, left, bottom], text)
    return corner_region(line, source, skip)
