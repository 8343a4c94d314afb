"""The label of a photo: which regions of it hold text. A sample of the detection task has it as canonical JSON."""

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from train.errors import DataError

IGNORED = frozenset({"###", "*"})
"""The transcriptions by which ICDAR and PaddleOCR mark an illegible text."""

FLAGS = ("difficult", "ignore", "illegibility")
"""The keys of a region that is to be ignored: PPOCRLabel's, and those that regions of contests keep."""

UNREAD = frozenset({"", "TEMPORARY", "待识别"})
"""The texts that a box has until it is read: PPOCRLabel's in English and in Chinese."""

FURTHER_FIELD = re.compile(
    '(Latin|Arabic|Chinese|Japanese|Korean|Bangla|Hindi|Devanagari|Symbols|Mixed|None),|[01],"'
)
"""What MLT's and RCTW's lists have before a text: its script, or whether it is difficult."""

Point = tuple[float, float]
Points = tuple[Point, ...]


@dataclass(frozen=True)
class Region:
    """A text in a photo.

    Attributes:
        points: its corners (x, y) in pixels of the original image, clockwise from the top left; four or more in
            a label that passes the check (`train.data.photos.rules`), as labelled before that.
        text: the transcription, as labelled; may be empty where it was not written down.
        ignored: it is text, but is neither learnt nor scored.
    """

    points: Points
    text: str
    ignored: bool = False


def has_further_field(texts: Sequence[str]) -> bool:
    """Whether all of some texts begin with a field of MLT's or RCTW's lists that is no part of them."""
    return len(texts) > 1 and all(map(FURTHER_FIELD.match, texts))


def label_of(regions: Iterable[Region]) -> str:
    """Return the regions as PaddleOCR's JSON in its one compact form; `regions_of` is the inverse.

    `"difficult": true`, which is PPOCRLabel's, marks an ignored region with a text of its own.
    """
    items = []
    for region in regions:
        points = [[_shortest(x), _shortest(y)] for x, y in region.points]
        item: dict[str, Any] = {"transcription": region.text, "points": points}
        if region.ignored and region.text not in IGNORED:
            item["difficult"] = True
        items.append(item)
    return json.dumps(items, ensure_ascii=False, separators=(",", ":"))


def regions_of(label: str, source: str = "label") -> tuple[Region, ...]:
    """Return the regions of PaddleOCR's JSON: a list of `{"transcription": ..., "points": [[x, y], ...]}`.

    Other keys are passed over, but for `FLAGS`. A transcription `###` or `*` is ignored.

    Raises:
        DataError: if it is anything else; the message begins with `source`, such as `file:line`.
    """
    try:
        items = json.loads(label)
    except json.JSONDecodeError as error:
        raise DataError(
            "regions must be JSON",
            f"{source}: {error.msg} at character {error.pos}",
            "write them with json.dumps: what Python prints is no JSON"
            if label.startswith("[{'")
            else "mend it there",
        ) from error
    except (ValueError, RecursionError) as error:  # thousands of digits, or of brackets
        raise DataError("regions must be JSON", f"{source}: {str(error)[:80]}", "mark them again") from error
    if not isinstance(items, list):
        raise _malformed(source, items)
    return tuple(_region(item, source) for item in items)


def as_region(numbers: Sequence[float], text: str, ignored: bool = False) -> Region:
    """Return the region with corners x1, y1, x2, y2, ... as labelled; a text `###` or `*` is ignored, too."""
    return Region(tuple(zip(numbers[::2], numbers[1::2], strict=True)), text, ignored or text in IGNORED)


def is_set(flag: object) -> bool:
    """Whether a flag is set, be it a boolean, a number or a word."""
    return str(flag).strip().lower() in ("true", "1", "1.0", "yes")


def clockwise(points: Points) -> Points:
    """Return corners in clockwise order (y points down), the first one staying first."""
    return points if doubled_area(points) >= 0 else (points[0], *points[:0:-1])


def doubled_area(points: Points) -> float:
    """Return twice the area in square pixels; negative if the corners go anti-clockwise."""
    following = (*points[1:], *points[:1])
    return math.fsum(x * v - u * y for (x, y), (u, v) in zip(points, following, strict=True))


def _shortest(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)


def _region(item: Any, source: str) -> Region:
    if not isinstance(item, dict) or not isinstance(item.get("transcription"), str):
        raise _malformed(source, item)
    points = item.get("points")
    if not isinstance(points, list) or not all(map(_is_point, points)):
        raise _malformed(source, item)
    text = item["transcription"]
    return Region(
        tuple((float(x), float(y)) for x, y in points),
        text,
        text in IGNORED or any(is_set(item.get(flag)) for flag in FLAGS),
    )


def _is_point(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _malformed(source: str, found: object) -> DataError:
    shown = json.dumps(found, ensure_ascii=False)[:80]
    return DataError(
        'a region must be {"transcription": text, "points": [[x, y], ...]}',
        f"{source}: {shown}",
        "write a JSON list of such regions",
    )
