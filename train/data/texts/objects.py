"""Texts that are none, or more than that: objects in JSON, such as the regions of a photo, and quotation marks."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from train.data.folders.notes import note
from train.errors import DataError

BEGINS = ("{", "[{", "[ {")
SIDES = re.compile(r"(\d+,){4}\d+( (\d+,){4}\d+)*")
"""The sides and the class of boxes, as lists for Keras have them behind the name of a photo."""
QUOTED = re.compile("\"[^\"]+\"|'[^']+'")


def require_plain(source: Path, texts: Sequence[str]) -> None:
    """Raise DataError where most texts of lines are objects in JSON, lists of them, or the sides of boxes.

    It is said where all texts stand in quotation marks.
    """
    if len(texts) > 1 and all(map(QUOTED.fullmatch, texts)):
        note(f"{source}: every text stands in quotation marks, which are taken for a part of it")
    objects = [text for text in texts if SIDES.fullmatch(text) or _is_object(text)]
    if 2 * len(objects) > len(texts):
        raise DataError(
            "a text must be what one line shows",
            f"{source}: {objects[0][:80]}",
            "write the texts alone; a list of regions is det_gt.txt, with a tab between path and regions",
        )


def _is_object(text: str) -> bool:
    try:
        return text.startswith(BEGINS) and isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False
