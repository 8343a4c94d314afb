"""What the readers of other tools' photos share: numbers that are checked, and rectangles as corners."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from train.data.decoded.header import image_size
from train.data.folders.notes import note
from train.errors import DataError

SAME_SHAPE = 0.01
OFTEN = 20
"""Labels that come so often each are likely to be classes."""
MOST = 1e9
"""Coordinates beyond are none, nor what is no number."""


def numbers_of(values: Any, source: str) -> list[float]:
    """Return the numbers of a list, or of a list of points, one after another."""
    items = values if isinstance(values, list) else [None]
    flat: list[Any] = [number for item in items for number in (item if isinstance(item, list) else [item])]
    if len(flat) % 2 or not all(map(_is_number, flat)):
        raise DataError(
            "an outline must be pairs of numbers", f"{source}: {json.dumps(values)[:80]}", "draw it again"
        )
    return [float(value) for value in flat]


def numbers_in(texts: Iterable[str], source: str) -> list[float]:
    """Return the numbers that are written in some texts, as `numbers_of`."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError as error:
        raise DataError("a shape must have numbers", f"{source}: {error}"[:200], "draw it again") from error
    return numbers_of(numbers, source)


def rectangle(x: float, y: float, width: float, height: float, degrees: float = 0) -> list[float]:
    """Return the corners x1, y1, ... of a rectangle, clockwise from its first, around which it is turned clockwise.

    A negative width or height is one that was drawn the other way.
    """
    if not degrees:
        x, y, width, height = x + min(width, 0), y + min(height, 0), abs(width), abs(height)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    ends = ((0, 0), (width, 0), (width, height), (0, height))
    return [
        value
        for right, down in ends
        for value in (x + right * cos - down * sin, y + right * sin + down * cos)
    ]


def turned(x: float, y: float, width: float, height: float, degrees: float) -> list[float]:
    """Return the corners of a rectangle that is turned clockwise around its centre, as CVAT turns it."""
    if not degrees:
        return rectangle(x, y, width, height)
    cos, sin = math.cos(math.radians(degrees)) / 2, math.sin(math.radians(degrees)) / 2
    left, top = x + width / 2 - width * cos + height * sin, y + height / 2 - width * sin - height * cos
    return rounded(rectangle(left, top, width, height, degrees))


def degrees_of(value: Any) -> float:
    """Return the attribute `rotation` of CVAT's rectangles in COCO's or VOC's files; 0 for what is no number."""
    try:
        degrees = 0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return 0
    return degrees if math.isfinite(degrees) else 0


def labelled_size(height: Any, width: Any) -> tuple[int, int] | None:
    """Return the size of a photo that a label file tells, in pixels; None where it tells none."""
    try:
        size = round(float(height)), round(float(width))
    except (TypeError, ValueError, OverflowError):
        return None
    return size if min(size) > 0 else None


def has_shape(size: tuple[int, int], other: tuple[int, int] | None) -> bool:
    """Whether two sizes are of one shape, but for rounding; unknown ones are."""
    if other is None:
        return True
    here, there = size[0] * other[1], size[1] * other[0]
    return abs(here - there) <= SAME_SHAPE * max(here, there)


def size_to_share(image: Path) -> tuple[int, int]:
    """Return height and width of a photo whose labels are shares; anything for one that the check will refuse."""
    try:
        return image_size(image)
    except (DataError, FileNotFoundError):
        return 100, 100


def rounded(numbers: Sequence[float]) -> list[float]:
    """Return coordinates that were shares of a photo to a hundredth of a pixel: shares have few digits."""
    return [round(number, 2) for number in numbers]


def note_classes(path: Path, labels: Sequence[object], elsewhere: str) -> None:
    """Say it where all regions have one label, or a few over and over: these are likely to be classes.

    Args:
        path: the file or folder.
        labels: of all its regions.
        elsewhere: where their texts belong.
    """
    names = sorted({repr(label) for label in labels})
    if len(labels) > 1 and (len(names) == 1 or OFTEN * len(names) <= len(labels)):
        note(
            f"{path}: all {len(labels)} regions are labelled {' or '.join(names[:3])}{' ...' if names[3:] else ''}; if "
            f"that is no text, put the texts into {elsewhere}, or train a detector alone"
        )


def note_attributes(path: Path, names: Iterable[str]) -> None:
    """Say which attributes regions have, where none of them was taken for the text."""
    if known := sorted({*names}):
        note(
            f"{path}: regions have no texts; where an attribute holds them, name it with --option text=NAME, one of: "
            f"{', '.join(known)}"
        )


def text_in(holder: Any, keys: Sequence[str], source: str) -> str | None:
    """Return the first text that stands under one of these keys, in any case; None where there is none."""
    held = {str(key).lower(): value for key, value in holder.items()} if isinstance(holder, dict) else {}
    for key in keys if held else ():
        value = holder.get(key, held.get(key.lower()))
        if value is None:
            continue
        if not isinstance(value, str):
            raise DataError(
                "a text must be a string", f"{source}: {key} is {json.dumps(value)[:60]}", "put it in quotes"
            )
        return value
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST
