"""Texts set in a font file, in ink of any colour on any surface."""

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont, features

from train.data.charset import steps_needed
from train.data.drawing import surfaces
from train.data.drawing.camera import photographed
from train.data.drawing.surfaces import Scene
from train.data.images import HEIGHT_PX, STEP_PX, Image
from train.data.texts.forms import SPACE, ZWJ, ZWNJ
from train.errors import DataError

EM_PX = 56
CAP = 0.7  # height of a capital, in em
NO_CHARACTER = "\U0010ffff"  # what a font draws for it, it draws for every character that it lacks
INKLESS = (SPACE, ZWNJ, ZWJ)
SURFACES = (surfaces.paper, surfaces.plastic, surfaces.paint, surfaces.brushed)


class Face:
    """A TrueType or OpenType font at EM_PX: characters one after the other, kerned; shaped where a script needs it."""

    def __init__(self, path: Path) -> None:
        """Load the file; raise DataError if it is no font that can be scaled."""
        try:
            self._font = ImageFont.truetype(str(path), EM_PX, layout_engine=ImageFont.Layout.BASIC)
        except OSError as error:
            raise DataError(
                "a font must be a scalable .ttf or .otf file", path, f"{error}: remove it"
            ) from error
        self._shaped = ImageFont.truetype(str(path), EM_PX, layout_engine=ImageFont.Layout.RAQM)
        self._box = self._drawn(NO_CHARACTER)

    def _drawn(self, character: str) -> tuple[tuple[int, int], bytes]:
        mask = self._font.getmask(character)
        return mask.size, bytes(mask)

    def lacks(self, characters: Iterable[str]) -> set[str]:
        """Return those of `characters` that the font has no picture of, or that this cannot set."""
        return {c for c in characters if not self._has(c) or (_needs_shaping(c) and not can_shape())}

    def _has(self, character: str) -> bool:
        if character in INKLESS:
            return True
        size, ink = self._drawn(character)
        return any(ink) and (size, ink) != self._box

    def line(self, text: str, stroke: int) -> Image:
        """Return the coverage of a text as high as its capitals at least: (h, w) uint8."""
        font = self._shaped if any(map(_needs_shaping, text)) else self._font
        left, top, right, bottom = font.getbbox(text, anchor="ls", stroke_width=stroke)
        up, down = max(-int(top), round(CAP * EM_PX)), max(int(bottom), 0)
        cell = PillowImage.new("L", (max(1, int(right - left)), up + down))
        ImageDraw.Draw(cell).text((-left, up), text, fill=255, font=font, anchor="ls", stroke_width=stroke)
        return np.asarray(cell, np.uint8)


@cache
def face_of(path: Path) -> Face:
    """Return the font of a file, loaded once a process."""
    return Face(path)


def _needs_shaping(character: str) -> bool:
    """Whether a character runs from right to left, combines with others or joins them."""
    return (
        unicodedata.bidirectional(character) in ("R", "AL", "AN")
        or unicodedata.category(character)[0] == "M"
        or character in (ZWNJ, ZWJ)
    )


@cache
def can_shape() -> bool:
    """Tell whether Pillow is built with raqm, which orders and shapes texts."""
    return bool(features.check("raqm"))


def draw_text(text: str, face: Face, rng: np.random.Generator) -> Image:
    """Draw `text` as a camera would crop it, with room for its CTC steps: (18 to 40, w, 3) uint8 BGR."""
    coverage = _page(text, face, rng)
    height, width = coverage.shape
    surface = SURFACES[int(rng.integers(len(SURFACES)))]((height, width), rng)
    return photographed(_inked(coverage, surface, rng), rng)


def _page(text: str, face: Face, rng: np.random.Generator) -> Scene:
    """Set a line in a random weight and width with margins: (h, w) float32 coverage in [0, 1]."""
    line = face.line(text, stroke=int(rng.random() < 0.2))
    above, below, left, right = (int(n) for n in rng.integers((2, 2, 2, 2), (10, 10, 24, 24)))
    height = len(line) + above + below
    least = height / HEIGHT_PX * STEP_PX * (steps_needed([ord(c) for c in text]) + 1)
    width = round(max(line.shape[1] * rng.uniform(0.75, 1.1), least - left - right, 1))
    line = np.asarray(cv2.resize(line, (width, len(line)), interpolation=cv2.INTER_AREA), np.uint8)
    page = np.pad(line, ((above, below), (left, right)))
    return page.astype(np.float32) / np.float32(255)


def _inked(coverage: Scene, surface: Scene, rng: np.random.Generator) -> Scene:
    """Print in ink of a colour that stands out from the surface."""
    tone = rng.uniform(0, 70) if surface.mean() > 110 else rng.uniform(180, 255)
    ink = np.clip(tone + rng.uniform(-50, 50, 3), 0, 255).astype(np.float32)
    opacity = np.float32(rng.uniform(0.6, 1.0))
    return np.asarray(surface + opacity * coverage[:, :, None] * (ink - surface), np.float32)
