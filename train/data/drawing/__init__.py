"""Text lines drawn from nothing: font -> coverage -> style on a surface -> camera."""

from collections.abc import Sequence

import cv2
import numpy as np

from train.data.drawing.camera import photographed
from train.data.drawing.dot_font import dot_glyphs
from train.data.drawing.fonts import Font, set_text
from train.data.drawing.styles import STYLES, Style
from train.data.drawing.surfaces import Scene
from train.data.images import Image

_CLUTTER = "0123456789 kg-/."


def _page(text: str, font: Font, rng: np.random.Generator) -> Scene:
    """Lay the text out with margins and, at times, parts of the lines above and below it.

    Returns:
        (h, w) float32 coverage in [0, 1].
    """
    line = set_text(text, font, rng)
    above, below, left, right = (int(n) for n in rng.integers((0, 0, 2, 2), (9, 9, 24, 24)))
    page = np.pad(line, ((above, below), (left, right)))
    for rows, baseline in ((page[: above + 4], above), (page[len(page) - below - 4 :], below + 16)):
        if rng.random() < 0.15:
            _fill_with_clutter(rows, baseline, rng)
    return page.astype(np.float32) / np.float32(255)


def _fill_with_clutter(rows: Image, baseline: int, rng: np.random.Generator) -> None:
    """Write a line of other text, cut off by the crop, into `rows` (h, w) in place; `baseline` in px."""
    text = "".join(_CLUTTER[i] for i in rng.integers(len(_CLUTTER), size=rng.integers(4, 20)))
    at = (int(rng.integers(rows.shape[1] // 2)), baseline)
    cv2.putText(rows, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2, cv2.LINE_AA)


def draw_line(text: str, styles: Sequence[Style], rng: np.random.Generator) -> Image:
    """Draw `text` in a random one of `styles`, as a camera would crop it: (18 to 40, w, 3) uint8 BGR."""
    style = styles[int(rng.integers(len(styles)))]
    coverage = _page(text, style.fonts[int(rng.integers(len(style.fonts)))], rng)
    height, width = coverage.shape
    surface = style.surfaces[int(rng.integers(len(style.surfaces)))]((height, width), rng)
    return photographed(style.mark(coverage, surface, rng), rng)


def draw_marked(text: str, rng: np.random.Generator) -> Image:
    """Draw `text` in any style whose fonts have all its characters: the one of dots has those of a VIN."""
    able = [style for name, style in STYLES.items() if name != "peened" or dot_glyphs().keys() >= set(text)]
    return draw_line(text, able, rng)


__all__ = ["STYLES", "draw_line", "draw_marked"]
