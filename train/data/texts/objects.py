"""Texts that are none, such as the regions of a photo in JSON, or are not read as they are written."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from train.data.folders.notes import note
from train.data.texts.reading_order import RIGHT_TO_LEFT
from train.errors import DataError

BEGINS = ("{", "[{", "[ {")
KEYS = frozenset({"bbox", "box", "points", "polygon", "text", "transcription"})
"""What regions have; other objects, as `{"id": 0}`, may be what an image of a program shows."""
SIDES = re.compile(r"(\d+,){4}\d+( (\d+,){4}\d+)*")
"""The sides and the class of boxes, as lists for Keras have them behind the name of a photo; amounts look so, too."""
QUOTED = re.compile("\"[^\"]+\"|'[^']+'")


def note_forms(source: Path, texts: Sequence[str], composed: int) -> None:
    """Print a note on labels that are not read exactly as written; `composed`: how many were brought into NFC."""
    if composed:
        note(f"{source}: {composed} labels are not in Unicode's composed form (NFC) and are read in it")
    if leftwards := sum(bool(RIGHT_TO_LEFT.search(text)) for text in texts):
        note(
            f"{source}: {leftwards} labels hold words from right to left, and are taken to stand in reading order"
        )


def require_plain(source: Path, texts: Sequence[str], chosen: bool = False) -> None:
    """Raise DataError where most texts of lines are regions in JSON, or the sides of boxes, of which one has several.

    It is said where there is one box each, which may be an amount, and where all texts stand in quotation marks.

    Args:
        source: of the texts.
        texts: of all lines.
        chosen: whether a person named the column of the texts, which is then what the images show.
    """
    if len(texts) > 1 and all(map(QUOTED.fullmatch, texts)):
        note(f"{source}: every text stands in quotation marks, which are taken for a part of it")
    if chosen:
        return
    boxes = [text for text in texts if SIDES.fullmatch(text)]
    several = any(" " in text for text in boxes)
    objects = [*(boxes if several else ()), *filter(_is_region, texts)]
    if not several and 2 * len(boxes) > len(texts):
        note(
            f"{source}: most texts are five numbers with commas, as {boxes[0][:40]!r}; if these are the sides of "
            "boxes, the labels are of photos, and no texts"
        )
    if 2 * len(objects) > len(texts):
        raise DataError(
            "a text must be what one line shows",
            f"{source}: {objects[0][:80]}",
            "write the texts alone; a list of regions is det_gt.txt, with a tab between path and regions; if images "
            "show this, name their column with --option text=COLUMN, for a list --format table --option text=2",
        )


def _is_region(text: str) -> bool:
    """Whether a text is a region in JSON, or a list with one."""
    try:
        held = json.loads(text) if text.startswith(BEGINS) else None
    except (ValueError, RecursionError):
        return False
    parts = held if isinstance(held, list) else [held]
    return any(isinstance(part, dict) and not KEYS.isdisjoint(part) for part in parts)
