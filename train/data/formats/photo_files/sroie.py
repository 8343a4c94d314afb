"""Files of corners in a folder apart from the images', as SROIE (`box`, `img`), MLT of 2019 and CTW1500 come."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.folders.beside import files_ending
from train.data.formats import FORMATS, ROOT, Format, images_in
from train.data.formats.apart import ImagesAround, find_apart
from train.data.formats.photo_files.icdar import PREFIX
from train.data.formats.region_lists import (
    corner_region,
    first_line,
    is_corners,
    lines_of,
    plain_texts,
    skipped_fields,
)
from train.data.formats.splits import TRIED
from train.data.photos.regions import label_of
from train.data.sample import Sample

SUFFIXES = (".txt", ".csv")
RULE = "each file of corners must have one image of its name, in a folder beside its own"


@FORMATS.register("sroie")
class Sroie(Format):
    """The folders of such files; a split is told by their names. Option `skip`: fields between corners and text."""

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"skip": "0", **ROOT}
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders of files by split."""
        return find_apart(root, _is_ours, "files of corners")

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a file, by name."""
        skip, folder = skipped_fields(options.get("skip", "0")), path.absolute()
        images, files = ImagesAround(folder, options.get("root", "")), _files(folder)
        photos = [
            [corner_region(line, source, skip) for line, source in lines_of(labels)] for labels in files
        ]
        for labels, regions in zip(files, plain_texts(folder, photos, skip), strict=True):
            yield Sample(images.find(labels.stem, labels, RULE), label_of(regions), f"{labels}:1")


def _files(folder: Path) -> list[Path]:
    return [path for suffix in SUFFIXES for path in files_ending(folder, suffix)]


def _is_ours(folder: Path) -> bool:
    """Whether a folder without images has files of corners, which are not ICDAR's."""
    files = [path for path in _files(folder) if not path.name.startswith(PREFIX)][:TRIED]
    return bool(files) and not images_in(folder) and any(is_corners(first_line(path)) for path in files)
