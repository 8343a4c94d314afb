"""PaddleX's lists of classes, `path class` with `label.txt` beside them: what stands there is no text."""

import re
from collections.abc import Sequence
from pathlib import Path

from train.data.folders.notes import note
from train.data.formats.region_lists import lines_of
from train.data.texts.angles import ANGLES
from train.errors import DataError

CLASSES = "label.txt"
DIRECTION = re.compile(r"(0|180)(_?deg(ree)?)?", re.IGNORECASE)
"""What a class of directions is called, or the folder of one."""
OFTEN = 3
"""So many images for each class, at least, make numbers likely to be classes."""
NUMBERS = re.compile(r"[\d,]+")
SEVERAL = re.compile(r"[01](,[01])+")
"""The classes of an image that may have several, a 0 or 1 for each."""


def class_names(labels: Path, strict: bool = False) -> dict[str, str]:
    """Return the name of each class, by its number, that the `label.txt` beside a list tells; nothing without one.

    Lines that are no `number name` are passed over; if `strict`, a file with one is of something else.
    """
    labels = labels.absolute()
    file = labels.with_name(CLASSES)
    try:
        rows = (
            [line.split(maxsplit=1) for line, _ in lines_of(file)]
            if file.is_file() and file != labels
            else []
        )
    except DataError:  # it is of something else
        return {}
    numbered = [row for row in rows if len(row) == 2 and row[0].isdecimal()]
    return {} if strict and len(numbered) < len(rows) else {number: name.strip() for number, name in numbered}


def require_no_classes(labels: Path, texts: Sequence[str], chosen: bool = False) -> None:
    """Raise DataError where all texts of a list are classes that `label.txt` names otherwise; say it where they may be.

    Args:
        labels: the list.
        texts: of its images.
        chosen: whether a person named their column.
    """
    plain = {text.strip() for text in texts}
    if not plain or not all(map(NUMBERS.fullmatch, plain)):
        return
    names = class_names(labels, strict=True)
    others = [(number, name) for number, name in names.items() if number != name]
    several = all(map(SEVERAL.fullmatch, plain))
    if not chosen and others and (several or plain <= names.keys()):
        told = ", ".join(f"{number} is {name}" for number, name in others[:3])
        raise DataError(
            "the labels of lines must be texts",
            f"{labels}:1: classes, of which {CLASSES} beside it tells that {told}",
            "name --task orientation"
            if all(map(DIRECTION.fullmatch, names.values()))
            else f"write what the images show in their place, or, if they show these, move {CLASSES} away",
        )
    if len(plain) > 1 and plain <= ANGLES:
        note(
            f"{labels}: all texts are {' or '.join(sorted(plain))}; if these are directions, name --task orientation"
        )
    counted = {str(number) for number in range(len(plain))} == plain and len(texts) >= OFTEN * len(
        plain
    ) > OFTEN
    if (several or counted) and not names:
        note(
            f"{labels}: all texts are {' or '.join(sorted(plain)[:3])}{' ...' if len(plain) > 3 else ''}; if these are "
            "classes, write what the images show"
        )
