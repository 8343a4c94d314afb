"""Lines side by side as one: longer texts and other neighbours than the data holds.

As PaddleOCR's RecConAug (ppocr/data/imaug/rec_img_aug.py) with the settings of its recognition models: up to two more
lines, 320 px in all at 48 px height. Its limit of 25 characters is CTC's here: as many as the line has steps for. A
reader that divides lines would learn to read words in one there, so for it a space stands between.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from train.data.charset import steps_needed
from train.data.images import STEP_PX, Image, bucket_width
from train.data.texts.forms import SPACE
from train.data.texts.reading_order import side_by_side

MAX_PAIR_WIDTH_PX = 320
PARTNERS = 2
SPACE_PX = 12
"""How wide a space stands between lines, for a reader that divides them there."""


class Line(NamedTuple):
    """A line image, (HEIGHT_PX, w, 3) uint8 BGR, and its label."""

    image: Image
    text: str


def concatenate(first: Line, second: Line, spaced: bool = False) -> Line | None:
    """Put `second` right of `first`, perhaps with a space, and join their texts; None if none looks so."""
    left = side_by_side(first.text, SPACE) if spaced else first.text
    text = None if left is None else side_by_side(left, second.text)
    if text is None:
        return None
    between = [_blend(first.image[:, -1:], second.image[:, :1])] if spaced else []
    return Line(np.concatenate([first.image, *between, second.image], axis=1), text)


def _blend(left: Image, right: Image) -> Image:
    """Return SPACE_PX columns that lead from one, (h, 1, 3), to another."""
    share = (np.arange(SPACE_PX)[:, None] + 1) / (SPACE_PX + 1)
    return np.rint(left * (1 - share) + right * share).astype(np.uint8)


def fits(first: Line, second: Line, fit_width: int = 0, spaced: bool = False) -> bool:
    """Whether the joined line is narrow enough, and its bucket or `fit_width` has enough CTC steps of STEP_PX."""
    width = first.image.shape[1] + SPACE_PX * spaced + second.image.shape[1]
    steps = steps_needed([ord(c) for c in first.text + SPACE * spaced + second.text])
    return width <= MAX_PAIR_WIDTH_PX and steps <= (fit_width or bucket_width(width)) // STEP_PX


def maybe_join(
    line: Line,
    partners: Iterable[Line],
    probability: float,
    rng: np.random.Generator,
    fit_width: int = 0,
    spaced: bool = False,
) -> Line:
    """Return `line` joined with `partners` up to one that does not fit, with `probability`; else `line` itself.

    Args:
        line: to begin with.
        partners: to put right of it, one after the other.
        probability: of joining any.
        rng: draws whether.
        fit_width: pixels that every line is resampled to then; 0 for its own width.
        spaced: with a space before each partner.
    """
    if rng.random() >= probability:
        return line
    for partner in partners:
        joined = concatenate(line, partner, spaced) if fits(line, partner, fit_width, spaced) else None
        if joined is None:
            break
        line = joined
    return line
