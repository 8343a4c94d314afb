"""A text beside each image: `NAME.gt.txt`, as tesstrain, kraken and calamari have it, else `NAME.txt`."""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import ClassVar

from train.data.formats import FORMATS, by_split, images_in, read_text
from train.data.formats.region_lists import first_line, is_corners
from train.data.formats.yolo import is_box
from train.data.sample import Sample
from train.errors import DataError

TRUTH, PLAIN = ".gt.txt", ".txt"
COORDINATES = re.compile(r"\s*(-?\d+(\.\d+)?[\s,;]+){4}")
LOOKED_AT = 20


@FORMATS.register("text_files")
class TextFiles:
    """A folder of images with their texts (or one each for train, val, test)."""

    task: ClassVar[str] = "recognition"
    options: ClassVar[Mapping[str, str]] = {}
    explicit: ClassVar[frozenset[str]] = frozenset()
    turn: ClassVar[int] = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders with an image and its text; coordinates of regions are no text."""
        return by_split(root, _is_ours)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image, by name; an image without a text is refused, as is a `.gt.txt` without one."""
        folder = path.absolute()
        used = set()
        for image in images_in(folder):
            labels = _labels(image)
            if labels is None:
                raise DataError(
                    "every image must have a .gt.txt or .txt of its name",
                    image,
                    "add it, or move the image elsewhere",
                )
            used.add(labels)
            yield Sample(image, _text(labels), f"{labels}:1")
        if lost := sorted({*folder.glob(f"*{TRUTH}")} - used):
            raise DataError(
                f"every {TRUTH} must have an image of its name", lost[0], "add it, or remove the text"
            )


def _labels(image: Path) -> Path | None:
    """Return an image's text; `a.gt.txt` is also that of `a.bin.png`."""
    names = (image.stem + TRUTH, image.name.partition(".")[0] + TRUTH, image.stem + PLAIN)
    return next((path for name in names if (path := image.with_name(name)).is_file()), None)


def _is_ours(folder: Path) -> bool:
    """Whether the first labels are texts: a `.txt` may as well hold coordinates."""
    labels = list(islice(filter(None, map(_labels, images_in(folder))), LOOKED_AT))
    if any(path.name.endswith(TRUTH) for path in labels):
        return True
    lines = [line for path in labels if (line := first_line(path))]
    return not any(is_corners(line) or is_box(line) for line in lines) and not all(
        map(COORDINATES.match, lines)
    )


def _text(path: Path) -> str:
    text = read_text(path).rstrip("\r\n")
    if "\n" in text:
        raise DataError(
            "the text of a line must be one line",
            f"{path}:2: {text.splitlines()[1][:60]!r}",
            "put it in one line",
        )
    return text
