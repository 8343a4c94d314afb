"""DOTA's turned boxes, a file a photo: `x1 y1 x2 y2 x3 y3 x4 y4 class difficult` a line; texts are not known."""

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from train.data.folders.beside import files_ending
from train.data.formats import FORMATS, Format
from train.data.formats.apart import ImagesAround, find_apart
from train.data.formats.region_lists import first_lines, lines_of
from train.data.formats.splits import TRIED
from train.data.photos.regions import Region, as_region, is_set, label_of
from train.data.sample import Sample
from train.errors import DataError

HEADS = ("imagesource:", "gsd:")
CORNERS = 8


@FORMATS.register("dota")
class Dota(Format):
    """A folder of such files, `labelTxt`, beside the images or beside their folder; classes are passed over."""

    task = "detection"
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders of labels by split."""
        return find_apart(root, _is_ours, "DOTA's labels")

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a label file, by name."""
        folder = path.absolute()
        images = ImagesAround(folder, options.get("root", ""))
        for labels in files_ending(folder, ".txt"):
            regions = [_region(line, source) for line, source in _lines(labels)]
            image = images.find(labels.stem, labels, "each label file must have one image of its name")
            yield Sample(image, label_of(regions), f"{labels}:1")


def _lines(labels: Path) -> list[tuple[str, str]]:
    return [(line, source) for line, source in lines_of(labels) if not line.startswith(HEADS)]


def _is_ours(folder: Path) -> bool:
    """Whether the first of some files that has a region is ours."""
    files = files_ending(folder, ".txt")[:TRIED]
    lines = (line for path in files for line in islice(first_lines(path), 3) if not line.startswith(HEADS))
    return _corners(next(lines, "")) is not None


def _corners(line: str) -> list[float] | None:
    """Return the eight numbers that a line begins with, if a class and perhaps a flag follow."""
    fields = line.split()
    try:
        numbers = [float(field) for field in fields[:CORNERS]]
    except ValueError:
        return None
    ours = len(fields) in (CORNERS + 1, CORNERS + 2) and all(map(math.isfinite, numbers))
    return numbers if ours and not fields[CORNERS].replace(".", "").isdigit() else None


def _region(line: str, source: str) -> Region:
    numbers = _corners(line)
    if numbers is None:
        raise DataError(
            "a region must be `x1 y1 x2 y2 x3 y3 x4 y4 class difficult`",
            f"{source}: {line[:80]!r}",
            "mend it",
        )
    return as_region(numbers, "", is_set("".join(line.split()[CORNERS + 1 :])))
