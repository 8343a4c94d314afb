"""ICDAR's folders of `gt_NAME.txt`, with the images `NAME.*` beside them or in a folder beside theirs."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.folders.beside import files_ending
from train.data.formats import FORMATS, ROOT, Format
from train.data.formats.apart import ImagesAround, find_apart
from train.data.formats.region_lists import corner_region, lines_of, plain_texts, skipped_fields
from train.data.photos.regions import Region, as_region, label_of
from train.data.sample import Sample

PREFIX = "gt_"
RULE = f"each {PREFIX}NAME.txt must have one image NAME.*, beside it or in a folder beside its own"
NUMBER = r"(-?\d+(?:\.\d+)?)"
RECTANGLE = re.compile(rf'{NUMBER},? +{NUMBER},? +{NUMBER},? +{NUMBER}(?:,? +"(.*)")?')
"""A line of ICDAR 2013, as CVAT writes it, too: left, top, right, bottom, "text"."""
ESCAPED = re.compile(r"\\([\"\\])")
"""A quotation mark or a backslash in such a text."""


@FORMATS.register("icdar")
class Icdar(Format):
    """Folders as they are downloaded; a split is told by `train`, `val` or `test` in a folder's name.

    Option `skip`: fields between the corners and the text, 1 for the MLT sets, which name a script there.
    """

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"skip": "0", **ROOT}

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folder of labels of each split; a folder without a split's name stands alone, as `all`."""
        return find_apart(root, _is_ours, f"{PREFIX}*.txt")

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a label file, by name."""
        skip = skipped_fields(options.get("skip", "0"))
        folder = path.absolute()
        images, files = ImagesAround(folder, options.get("root", "")), _labels(folder)
        photos = [[_region(line, source, skip) for line, source in lines_of(labels)] for labels in files]
        for labels, regions in zip(files, plain_texts(folder, photos, skip), strict=True):
            image = images.find(labels.stem[len(PREFIX) :], labels, RULE)
            yield Sample(image, label_of(regions), f"{labels}:1")


def _labels(folder: Path) -> list[Path]:
    return [path for path in files_ending(folder, ".txt") if path.name.startswith(PREFIX)]


def _is_ours(folder: Path) -> bool:
    return bool(_labels(folder))


def _region(line: str, source: str, skip: int) -> Region:
    if match := RECTANGLE.fullmatch(line.strip()):
        left, top, right, bottom = map(float, match.groups()[:4])
        text = ESCAPED.sub(r"\1", match[5] or "")
        return as_region([left, top, right, top, right, bottom, left, bottom], text)
    return corner_region(line, source, skip)
