"""A table with a row a region, as TensorFlow's and Roboflow's CSV: the photo, the sides of a box, perhaps its text."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.formats import FORMATS, ROOT, Format
from train.data.formats.annotation_tools.via_csv import csv_rows
from train.data.formats.places import find_images
from train.data.formats.shapes import labelled_size, numbers_in, rectangle
from train.data.formats.splits import find_exports, splits_told
from train.data.formats.tables.boxes import SIDES
from train.data.formats.tables.columns import SPLIT_COLUMNS
from train.data.photos.regions import Region, as_region, label_of
from train.data.sample import Sample
from train.errors import DataError, UsageError

NAMES = ("filename", "file_name", "image", "image_path", "path")
TEXTS = ("text", "transcription", "words", "plate")


@FORMATS.register("box_table")
class BoxTable(Format):
    """One such CSV, or one for each split, or with a column for it; option `text`: the column of the texts."""

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"text": "", **ROOT}
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the tables by the split in their names, or in the names of their folders."""
        return find_exports(root, ".csv", _is_ours)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a photo, in the order of the rows; its source is its first row."""
        path, asked = path.absolute(), options.get("text", "")
        rows = list(csv_rows(path))
        columns = list(rows[0][0]) if rows else []
        if asked and asked not in columns:
            raise UsageError("--option text must name a column", asked, f"choose from: {', '.join(columns)}")
        image = next((name for name in columns if name.lower() in NAMES), "")
        text = asked or next((name for name in columns if name.lower() in TEXTS), "")
        regions: dict[str, list[Region]] = {}
        first: dict[str, tuple[dict[str, str], str]] = {}
        for row, source in rows:
            first.setdefault(row[image], (row, source))
            there = regions.setdefault(row[image], [])
            if corners := _corners(row, source):
                there.append(as_region(corners, row[text] if text else ""))
        paths = find_images(path, list(first), options.get("root", ""))
        column = next((name for name in columns if SPLIT_COLUMNS.fullmatch(name.lower())), "")
        told = [row.get(column) for row, _ in first.values()] if column else []
        splits = splits_told(path, list(first), told)
        for (name, (row, source)), split in zip(first.items(), splits, strict=True):
            size = labelled_size(row.get("height"), row.get("width"))
            yield Sample(paths[name], label_of(regions[name]), source, split, size=size)


def _is_ours(path: Path) -> bool:
    """Whether the first row has a photo and the sides of a box."""
    try:
        columns = [name.lower() for name in next(csv_rows(path), ({}, ""))[0]]
    except DataError:
        return False
    return any({*sides} <= {*columns} for sides in SIDES) and any(name in NAMES for name in columns)


def _corners(row: Mapping[str, str], source: str) -> list[float]:
    """Return the corners of a row's box; none where all its sides are empty, which is a photo without a region."""
    held = {name.lower(): cell.strip() for name, cell in row.items()}
    sides = next(sides for sides in SIDES if {*sides} <= held.keys())
    if not any(held[side] for side in sides):
        return []
    left, top, right, bottom = numbers_in([held[side] for side in sides], source)
    return rectangle(left, top, right - left, bottom - top)
