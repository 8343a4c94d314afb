"""Boxes in reading order, and the upright picture of what each holds: the same pixels as PaddleX's."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from train.data.images import Image
from train.data.rectangles import RectangleOfPoints, smallest_rectangle

Quad = npt.NDArray[np.int32]
"""(4, 2) corners x, y in pixels: top left, top right, bottom right, bottom left."""

SAME_LINE_PX = 10
"""Boxes whose first corners differ by less in height are read from left to right."""
TALL = 1.5
"""A crop this many times higher than wide is text that runs upwards: it is turned."""


def sort_boxes(quads: Sequence[Quad]) -> list[Quad]:
    """Return quads from top to bottom, those on one line from left to right."""
    ordered = sorted(quads, key=lambda quad: (quad[0][1], quad[0][0]))
    for end in range(1, len(ordered)):
        for i in range(end, 0, -1):
            (x, y), (x_before, y_before) = ordered[i][0], ordered[i - 1][0]
            if abs(y - y_before) >= SAME_LINE_PX or x >= x_before:
                break
            ordered[i - 1 : i + 1] = ordered[i], ordered[i - 1]
    return ordered


def turned(image: Image) -> Image:
    """Return (H, W, 3) uint8 BGR turned by 90 degrees anti-clockwise if it is TALL, else as it is."""
    height, width = image.shape[:2]
    return np.ascontiguousarray(np.rot90(image) if height / width >= TALL else image, dtype=np.uint8)


def crop(image: Image, quad: Quad) -> Image:
    """Cut the smallest rectangle around a quad out of (H, W, 3) uint8 BGR and set it upright.

    The crop is empty, of shape (0, 0, 3), where the quad is less than a pixel high or wide.
    """
    corners, _ = smallest_rectangle(np.asarray(quad, np.int32))
    width, height = _longer_side(corners, 0, 1, 2, 3), _longer_side(corners, 0, 3, 1, 2)
    if not width or not height:
        return np.zeros((0, 0, 3), np.uint8)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    flat = cv2.warpPerspective(
        image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return turned(np.asarray(flat, np.uint8))


def _longer_side(corners: RectangleOfPoints, a: int, b: int, c: int, d: int) -> int:
    """Return the longer of the opposite sides a-b and c-d, in whole pixels."""
    return int(max(np.linalg.norm(corners[a] - corners[b]), np.linalg.norm(corners[c] - corners[d])))


def cut(image: Image, quads: npt.NDArray[np.int32] | Sequence[Quad]) -> tuple[list[Quad], list[Image]]:
    """Return the quads of a page in reading order and their crops, without those that are empty."""
    ordered = sort_boxes(list(quads))
    pairs = [(quad, crop(image, quad)) for quad in ordered]
    kept = [(quad, line) for quad, line in pairs if line.size]
    return [quad for quad, _ in kept], [line for _, line in kept]
