"""Texts as coverage masks, in fonts that need no system: OpenCV's Hershey faces, Pillow's Aileron, dots."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from train.data.drawing.dot_font import dots_of
from train.data.images import Image

CAP_PX = 40
_EDGE_PX = 9  # room for the fattest strokes

# (character, weight from 0 thin to 1 bold) -> (CAP_PX + 2 * _EDGE_PX, w) uint8 coverage, trimmed at the sides
Font = Callable[[str, float], Image]


def _trim(cell: Image) -> Image:
    """Cut the empty columns off both sides of a glyph's cell."""
    inked = np.flatnonzero(cell.max(axis=0))
    return cell[:, inked[0] : inked[-1] + 1] if inked.size else cell[:, : CAP_PX // 2]


@lru_cache(4096)
def _hershey_glyph(face: int, character: str, thickness: int) -> Image:
    cell = np.zeros((CAP_PX + 2 * _EDGE_PX, 2 * CAP_PX), np.uint8)
    scale = cv2.getFontScaleFromHeight(face, CAP_PX, 1)
    cv2.putText(cell, character, (12, CAP_PX + _EDGE_PX), face, scale, 255, thickness, cv2.LINE_AA)
    return _trim(cell)


def hershey(face: int, character: str, weight: float) -> Image:
    """Draw in one of OpenCV's stroke fonts, with strokes 3 to 7 px thick."""
    return _hershey_glyph(face, character, 3 + round(4 * weight))


@lru_cache(1)
def _aileron() -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(CAP_PX / 0.71)  # a capital is 0.71 em high
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


@lru_cache(4096)
def _aileron_glyph(character: str, stroke: int) -> Image:
    cell = PillowImage.new("L", (2 * CAP_PX, CAP_PX + 2 * _EDGE_PX))
    at = (12, CAP_PX + _EDGE_PX)
    ImageDraw.Draw(cell).text(at, character, fill=255, font=_aileron(), anchor="ls", stroke_width=stroke)
    return _trim(np.asarray(cell, np.uint8))


def aileron(character: str, weight: float) -> Image:
    """Draw in Aileron, the sans serif inside Pillow, with outlines up to 2 px fatter."""
    return _aileron_glyph(character, round(2 * weight))


@lru_cache(4096)
def _dot_glyph(character: str, quarters: int) -> Image:
    cell = np.zeros((CAP_PX + 2 * _EDGE_PX, 28 + 2 * _EDGE_PX), np.uint8)
    for row, column in np.argwhere(dots_of(character)):
        x, y = (4 * (_EDGE_PX + 2 + 6 * int(at)) for at in (column, row))
        cv2.circle(cell, (x, y), quarters, 255, -1, cv2.LINE_AA, shift=2)
    return cell[:, _EDGE_PX - 2 : -_EDGE_PX]


def dots(character: str, weight: float) -> Image:
    """Draw as 5x7 dots with radii of 2.25 to 3.25 px, 6 px apart."""
    return _dot_glyph(character, 9 + round(4 * weight))


SIMPLEX = partial(hershey, cv2.FONT_HERSHEY_SIMPLEX)
DUPLEX = partial(hershey, cv2.FONT_HERSHEY_DUPLEX)
COMPLEX = partial(hershey, cv2.FONT_HERSHEY_COMPLEX)
TRIPLEX = partial(hershey, cv2.FONT_HERSHEY_TRIPLEX)
PLAIN = partial(hershey, cv2.FONT_HERSHEY_PLAIN)


def _lefts(widths: Sequence[int], fixed_pitch: bool, spacing: int) -> list[int]:
    """Return the left edge of each glyph, and the end of the line, in px."""
    cells = [max(widths)] * len(widths) if fixed_pitch else widths
    starts = np.cumsum([0, *(cell + spacing for cell in cells)]).tolist()
    inside = [(cell - width) // 2 for cell, width in zip(cells, widths, strict=True)]
    return [start + inner for start, inner in zip(starts, [*inside, 0], strict=True)]


def set_text(text: str, font: Font, rng: np.random.Generator) -> Image:
    """Set a line in a random weight, spacing, pitch and width.

    Returns:
        (CAP_PX + 2 * _EDGE_PX, w) uint8 coverage.
    """
    weight, spacing = rng.random(), int(rng.integers(2, 10))
    glyphs = [font(character, weight) for character in text]
    lefts = _lefts([glyph.shape[1] for glyph in glyphs], rng.random() < 0.5, spacing)
    line = np.zeros((CAP_PX + 2 * _EDGE_PX, lefts[-1]), np.uint8)
    for glyph, left in zip(glyphs, lefts[:-1], strict=True):
        line[:, left : left + glyph.shape[1]] = glyph
    width = round(lefts[-1] * rng.uniform(0.45, 0.75))
    return np.asarray(cv2.resize(line, (width, len(line)), interpolation=cv2.INTER_AREA), np.uint8)
