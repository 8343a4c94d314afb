"""Pictures of a page's reading, as PaddleX's `ocr_res_img`: the boxes on the page, the texts beside it."""

import math
import random
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from serve.inference import pretrained
from serve.reading.page import Page
from train.data.images import Image

MOST_PX = 2000
"""Longest side of a picture that is sent back."""
MOST_DRAWN_PX = 2 * MOST_PX
VERTICAL_PX = 30
SPACING_PX = 2
LEAST_FONT = 10
_SPACES = str.maketrans(dict.fromkeys("\n\r\x1c\x1d\x1e\x85\u2029", " "))  # Pillow cannot lay out separators
WHITE, BLACK = (255, 255, 255), (0, 0, 0)

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Region = tuple[str, npt.NDArray[np.int32]]


def encode_jpeg(image: Image) -> bytes:
    """Encode (H, W, 3) uint8 BGR, shrunk so that no side is over MOST_PX."""
    height, width = image.shape[:2]
    if max(height, width) > MOST_PX:
        factor = MOST_PX / max(height, width)
        size = max(1, int(factor * width)), max(1, int(factor * height))
        image = np.asarray(cv2.resize(image, size), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", image)[1])


def draw_jpeg(image: Image, page: Page) -> bytes:
    """Return a JPEG of a page, (H, W, 3) uint8 BGR, with its boxes filled, and of the texts at their places.

    A page of many times the size that is sent back is drawn on smaller: drawing takes eight times its memory.
    """
    factor = MOST_DRAWN_PX / max(image.shape[:2])
    if factor < 1:
        size = max(1, int(factor * image.shape[1])), max(1, int(factor * image.shape[0]))
        image, page = np.asarray(cv2.resize(image, size), dtype=np.uint8), page.scaled(factor)
    return encode_jpeg(draw(image, page))


def draw(image: Image, page: Page) -> Image:
    """Return (H, 2 W, 3) uint8 BGR: the page with its boxes filled, and the texts at their places."""
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    marked = Pillow.fromarray(rgb)
    pen = ImageDraw.Draw(marked)
    texts = np.full_like(rgb, 255)
    rng = random.Random(0)
    for text, quad in _list_regions(page):
        colour = (rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255))
        pen.polygon([(x, y) for x, y in quad.tolist()], fill=colour)
        _write(texts, text, quad, colour)
    blended = Pillow.blend(Pillow.fromarray(rgb), marked, 0.5)
    both = np.concatenate([np.asarray(blended), texts], axis=1)
    return np.asarray(cv2.cvtColor(both, cv2.COLOR_RGB2BGR), dtype=np.uint8)


def _list_regions(page: Page) -> list[Region]:
    """Return the texts and their quads: of the words if they were asked for, else of the lines."""
    if not page.options.words:
        return [(line.text, line.quad) for line in page.lines]
    pairs = [pair for line in page.lines for pair in zip(line.words, line.word_quads, strict=True)]
    regions = [(word, np.array(quad, np.int32)) for word, quad in pairs]
    return [region for region in regions if all(_measure(region[1]))]


def _measure(quad: npt.NDArray[np.int32]) -> tuple[int, int]:
    """Return the length of the top and of the left side in whole pixels."""
    (x, y), (right_x, right_y), _, (low_x, low_y) = quad.tolist()
    return int(math.hypot(x - right_x, y - right_y)), int(math.hypot(x - low_x, y - low_y))


def _write(canvas: Image, text: str, quad: npt.NDArray[np.int32], colour: Colour) -> None:
    """Write a text into its quad of the canvas, RGB, and frame it, unless it is too small for a letter or outside."""
    label = _draw_label(text, *_measure(quad))
    if label is None:
        return
    # a window of the canvas: warping all of it is slow
    low, high = np.maximum(quad.min(axis=0), 0), np.maximum(quad.max(axis=0) + 1, 0)
    window = canvas[low[1] : high[1], low[0] : high[0]]
    if not window.size:
        return
    height, width = label.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(source, (quad - low).astype(np.float32))
    drawn = cv2.warpPerspective(
        label, matrix, window.shape[1::-1], flags=cv2.INTER_NEAREST, borderValue=WHITE
    )
    cv2.polylines(drawn, [quad - low], True, colour, 1)
    window &= drawn


def _draw_label(text: str, width: int, height: int) -> Image | None:
    """Return a picture of a text, (height, width, 3) RGB; None if not even one point of font size fits."""
    if not width or not height:
        return None
    text = text.translate(_SPACES)
    picture = Pillow.new("RGB", (width, height), WHITE)
    pen = ImageDraw.Draw(picture)
    if text and height > max(2 * width, VERTICAL_PX):
        _write_downwards(pen, text, width, height)
    elif text:
        font = _choose_font(text, width, height)
        if font is None:
            return None
        pen.text((0, 0), text, fill=BLACK, font=font)
    return np.array(picture, np.uint8)


def _choose_font(text: str, width: int, height: int) -> Font | None:
    size = int(height * 0.8)
    if size < 1:
        return None
    length = _load_font(size).getlength(text)
    if length > width:
        size = int(size * width / length)
    return _load_font(size) if size >= 1 else None


def _write_downwards(pen: ImageDraw.ImageDraw, text: str, width: int, height: int) -> None:
    size = max(int(height / len(text) * 0.8 * 1.2), LEAST_FONT)
    widest = max(_load_font(size).getlength(character) for character in text)
    if widest > width:
        size = max(int(size * width / widest), LEAST_FONT)
    font, y = _load_font(size), 0.0
    for character in text:
        pen.text((0, y), character, fill=BLACK, font=font)
        _, top, _, bottom = font.getbbox(character)
        y += bottom - top + SPACING_PX


@lru_cache(maxsize=128)
def _load_font(size: int) -> Font:
    """Return the font with the recognisers' characters, or Pillow's own, which has Latin letters only."""
    path = pretrained.find_font()
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
