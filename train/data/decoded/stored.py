"""What a decoded file becomes before it is kept: one rule for each kind of image, shared by memory and files."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2

from train.data import images
from train.data.geometry.crops import TALL, turned
from train.data.images import Image

Size = tuple[int, int]


@dataclass(frozen=True)
class Stored:
    """How images are kept.

    Attributes:
        prepare: an image as it was decoded, (H, W, 3) uint8 BGR -> as it is kept, by its own pixels only; a function
            that another process can import.
        size: (height, width) in pixels of the one -> of the other.
        version: what else decides the pixels: files of another version are not used.
        chunk: images that are decoded, written and held in memory together; the larger they are, the fewer.
        may_be_blank: whether an image with nothing in it is of use, as a photo without texts is.
    """

    prepare: Callable[[Image], Image]
    size: Callable[[int, int], Size]
    version: tuple[Any, ...]
    chunk: int = 256
    may_be_blank: bool = False


def line_size(height_px: int, width_px: int) -> Size:
    """Return (HEIGHT_PX, width) of a line after `images.resize_line`."""
    return images.HEIGHT_PX, images.line_width(height_px, width_px)


def turned_line(image: Image) -> Image:
    """Return a line as it is kept, turned before if it is upright."""
    return images.resize_line(turned(image))


def turned_size(height_px: int, width_px: int) -> Size:
    """Return (HEIGHT_PX, width) of a line after `turned_line`."""
    tall = height_px / width_px >= TALL
    return line_size(width_px, height_px) if tall else line_size(height_px, width_px)


LINES = Stored(
    images.resize_line,
    line_size,
    ("lines 2", images.HEIGHT_PX, images.MIN_WIDTH_PX, images.MAX_WIDTH_PX, cv2.__version__),
)
TURNED_LINES = Stored(turned_line, turned_size, (*LINES.version, "turned"))
