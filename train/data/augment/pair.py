"""Lines side by side as one: longer texts and other neighbours than the data holds.

As PaddleOCR's RecConAug (ppocr/data/imaug/rec_img_aug.py) with the settings of its recognition models: up to two more
lines, 320 px in all at 48 px height. Its limit of 25 characters is CTC's here: as many as the line has steps for.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from train.data.charset import steps_needed
from train.data.images import Image, bucket_width
from train.data.texts.reading_order import side_by_side

STEP_PX = 8
MAX_PAIR_WIDTH_PX = 320
PARTNERS = 2


class Line(NamedTuple):
    """A line image, (HEIGHT_PX, w, 3) uint8 BGR, and its label."""

    image: Image
    text: str


def concatenate(first: Line, second: Line) -> Line | None:
    """Put `second` right of `first` and join their texts; None if no text looks so (`side_by_side`)."""
    text = side_by_side(first.text, second.text)
    if text is None:
        return None
    return Line(np.concatenate([first.image, second.image], axis=1), text)


def fits(first: Line, second: Line, fit_width: int = 0) -> bool:
    """Whether the joined line is narrow enough, and its bucket or `fit_width` has enough CTC steps of STEP_PX."""
    width = first.image.shape[1] + second.image.shape[1]
    steps = steps_needed([ord(c) for c in first.text + second.text])
    return width <= MAX_PAIR_WIDTH_PX and steps <= (fit_width or bucket_width(width)) // STEP_PX


def maybe_join(
    line: Line,
    partners: Iterable[Line],
    probability: float,
    rng: np.random.Generator,
    fit_width: int = 0,
) -> Line:
    """Return `line` joined with `partners` up to one that does not fit, with `probability`; else `line` itself.

    Args:
        line: to begin with.
        partners: to put right of it, one after the other.
        probability: of joining any.
        rng: draws whether.
        fit_width: pixels that every line is resampled to then; 0 for its own width.
    """
    if rng.random() >= probability:
        return line
    for partner in partners:
        if not fits(line, partner, fit_width) or (joined := concatenate(line, partner)) is None:
            break
        line = joined
    return line
