"""Boxes in reading order, and the upright picture of what each holds: the same pixels as PaddleX's by default."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from train.cut import PADDLEOCR, Cut
from train.data.geometry.rectangles import RectangleOfPoints, from_top_left, smallest_rectangle
from train.data.images import HEIGHT_PX, Image, line_width, too_long

Quad = npt.NDArray[np.int32]
"""(4, 2) corners x, y in pixels: top left, top right, bottom right, bottom left."""

SAME_LINE_PX = 10
"""Boxes whose first corners differ by less in height are read from left to right."""
TALL = 1.5
"""A crop this many times higher than wide is text that runs upwards: it is turned."""
WARPED_PX, AROUND_PX = 32_766, 4
"""The longest side of what OpenCV warps, and what cubic interpolation looks at around a quad."""


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


def crop(image: Image, quad: npt.ArrayLike, how: Cut = PADDLEOCR) -> Image:
    """Cut what is around a quad out of (H, W, 3) uint8 BGR and set it upright.

    The crop is empty, of shape (0, 0, 3), where the quad is less than a pixel high or wide. A direct one is HEIGHT_PX
    high, but for what is too long to be a line.
    """
    corners = outline(quad, how)
    width, height = _size(corners)
    if not width or not height:
        return np.zeros((0, 0, 3), np.uint8)
    if how.direct and not too_long(*sorted((height, width))):
        return _resample(image, np.roll(corners, -1, axis=0) if height / width >= TALL else corners)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return turned(_warp(image, corners, target, (width, height)))


def _warp(
    image: Image, corners: RectangleOfPoints, target: RectangleOfPoints, size: tuple[int, int]
) -> Image:
    """Return what lies between four corners of a picture, which come to lie at `target` in one of (width, height)."""
    part, corners = _around(image, corners)
    matrix = cv2.getPerspectiveTransform(corners, target)
    flat = cv2.warpPerspective(part, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(flat, np.uint8)


def _around(image: Image, corners: RectangleOfPoints) -> tuple[Image, RectangleOfPoints]:
    """Return a picture that OpenCV can warp, and the corners in it: a part of a long one, such as a scrolled screen."""
    if max(image.shape[:2]) <= WARPED_PX:
        return image, corners
    size = np.array(image.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)).astype(int) - AROUND_PX, 0, size - 1)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + AROUND_PX, 1, size)
    part, placed = image[low[1] : high[1], low[0] : high[0]], (corners - low).astype(np.float32)
    if max(part.shape[:2]) > WARPED_PX:
        whole = np.array(part.shape[1::-1])
        shrunk = np.maximum(1, whole * WARPED_PX // whole.max())
        part = np.asarray(cv2.resize(part, shrunk.tolist(), interpolation=cv2.INTER_AREA), np.uint8)
        placed = (placed * (shrunk / whole)).astype(np.float32)
    return part, placed


def part_of(quad: npt.ArrayLike, start: float, end: float, how: Cut = PADDLEOCR) -> Quad:
    """Return the (4, 2) corners of a part of a line, between two shares of its crop's length; inside of its box."""
    crop_of, box = outline(quad, how), outline(quad, how.model_copy(update={"along": 0.0, "across": 0.0}))
    width, height = _size(crop_of)
    tall = height >= TALL * width  # then it is read turned
    a, b, c, d = np.roll(box, -tall, axis=0).astype(np.float64)
    first, second = np.roll(crop_of, -tall, axis=0)[:2]
    share = max(float(np.linalg.norm(b - a)), 1.0) / max(float(np.linalg.norm(second - first)), 1.0)
    left, right = (min(max((at - 0.5) / share + 0.5, 0.0), 1.0) for at in (start, end))
    corners = np.array([a + left * (b - a), a + right * (b - a), d + right * (c - d), d + left * (c - d)])
    return np.roll(np.rint(corners).astype(np.int32), tall, axis=0)


def outline(quad: npt.ArrayLike, how: Cut = PADDLEOCR) -> RectangleOfPoints:
    """Return the (4, 2) corners of what is cut out around a quad, in pixels of the photo; may lie outside of it."""
    points = np.asarray(quad, np.int32).reshape(-1, 2)
    corners, _ = smallest_rectangle(points)
    if how.shape == "quadrilateral" and len(points) == 4:
        corners = from_top_left(points)
    if 0 < how.level_degrees >= _tilt(corners):
        corners = _upright(points)
    return _with_margins(corners, how) if how.along or how.across else corners


def _tilt(corners: RectangleOfPoints) -> float:
    """Return by how many degrees a rectangle stands off the nearer axis."""
    x, y = corners[1] - corners[0]
    return abs((math.degrees(math.atan2(y, x)) + 45) % 90 - 45)


def _upright(points: npt.NDArray[np.int32]) -> RectangleOfPoints:
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)


def _with_margins(corners: RectangleOfPoints, how: Cut) -> RectangleOfPoints:
    """Move the sides of a quad outwards, the ends of its line by `along` and the others by `across` of its height."""
    right = corners[1] + corners[2] - corners[0] - corners[3]
    down = corners[2] + corners[3] - corners[0] - corners[1]
    width, height = float(np.linalg.norm(right)) / 2, float(np.linalg.norm(down)) / 2
    if not width or not height:
        return corners
    tall = height / width >= TALL
    unit = width if tall else height
    sideways, downwards = (how.across, how.along) if tall else (how.along, how.across)
    x, y = right / (2 * width) * unit * sideways, down / (2 * height) * unit * downwards
    return np.asarray(corners + np.stack([-x - y, x - y, x + y, y - x]), np.float32)


def _resample(image: Image, corners: RectangleOfPoints) -> Image:
    """Return the picture inside the corners of a line, (HEIGHT_PX, w, 3); shrunk by the mean of the pixels."""
    width, height = _size(corners)
    size = line_width(height, width), HEIGHT_PX
    finer = max(1, math.ceil(height / HEIGHT_PX))
    right, bottom = size[0] * finer, size[1] * finer
    target = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], np.float32)
    half = np.float32(0.5)  # pixels are counted by their centres, corners lie between them
    flat = _warp(image, corners - half, target - half, (right, bottom))
    averaged = cv2.resize(flat, size, interpolation=cv2.INTER_AREA) if finer > 1 else flat
    return np.asarray(averaged, np.uint8)


def _size(corners: RectangleOfPoints) -> tuple[int, int]:
    """Return width and height of a quad, of opposite sides the longer, in whole pixels."""
    a, b, c, d = corners
    width = max(np.linalg.norm(a - b), np.linalg.norm(c - d))
    height = max(np.linalg.norm(a - d), np.linalg.norm(b - c))
    return int(width), int(height)


def cut(
    image: Image, quads: npt.NDArray[np.int32] | Sequence[Quad], how: Cut = PADDLEOCR
) -> tuple[list[Quad], list[Image]]:
    """Return the quads of a page in reading order and their crops, without those that are empty."""
    ordered = sort_boxes(list(quads))
    pairs = [(quad, crop(image, quad, how)) for quad in ordered]
    kept = [(quad, line) for quad, line in pairs if line.size]
    return [quad for quad, _ in kept], [line for _, line in kept]
