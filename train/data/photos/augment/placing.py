"""Geometry of an augmented photo: turned, mirrored, resized and cut in one resampling, its regions with it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from train.data.images import Image
from train.data.photos.augment.window import Window
from train.data.photos.regions import Points, Region

WHOLE = 0.95
"""A text of which less is seen counts as cut: it is ignored."""
SEEN = 0.05
"""A text of which less is seen is gone."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Placing:
    """A photo on a canvas that just holds it.

    Attributes:
        matrix: (2, 3), from points of the photo to points of the canvas, in pixels; (0, 0) is the corner of a pixel.
        size: (width, height) of the canvas.
        flipped: the photo is mirrored.
    """

    matrix: Matrix
    size: tuple[float, float]
    flipped: bool

    @classmethod
    def of(cls, photo_size: tuple[int, ...], flipped: bool, degrees: float, scale: float) -> "Placing":
        """Mirror, turn and resize a photo of `photo_size` (height, width)."""
        height, width = photo_size
        cos, sin = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
        linear = np.array([[cos, sin], [-sin, cos]]) @ np.diag([-1.0 if flipped else 1.0, 1.0])
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ linear.T
        low = corners.min(axis=0)
        right, bottom = np.ptp(corners, axis=0).tolist()
        return cls(np.hstack([linear, -low[:, None]]), (right, bottom), flipped)

    def move(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return (K, 2) points of the photo as points of the canvas."""
        moved: npt.NDArray[np.float64] = (
            np.asarray(points, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]
        )
        return moved


def whole_photo(size: tuple[float, float]) -> Window:
    """Return the window that holds all of a canvas."""
    return 0.0, 0.0, *size


def place_photo(
    image: Image,
    regions: Sequence[Region],
    placing: Placing,
    window: Window,
    side_px: int,
    rng: np.random.Generator,
) -> tuple[Image, tuple[Region, ...]]:
    """Return the part of a placed photo in `window` as a (side_px, side_px, 3) square, and its regions.

    A part larger than the square is shrunken, a smaller one lies anywhere in it.
    """
    left, top, right, bottom = window
    shrink = min(1.0, side_px / (right - left), side_px / (bottom - top))
    width, height = (max(1, min(side_px, round(length * shrink))) for length in (right - left, bottom - top))
    matrix = shrink * (placing.matrix - np.array([[0, 0, left], [0, 0, top]]))
    room_x, room_y = rng.random(2) * (side_px - width + 1, side_px - height + 1)
    x, y = int(room_x), int(room_y)
    square = np.zeros((side_px, side_px, 3), np.uint8)
    square[y : y + height, x : x + width] = cv2.warpAffine(image, _of_centres(matrix), (width, height))
    inner = replace(placing, matrix=matrix)
    moved = (_move(region, inner, (width, height), (x, y)) for region in regions)
    return square, tuple(region for region in moved if region is not None)


def _of_centres(matrix: Matrix) -> Matrix:
    """Return the matrix for OpenCV, where (0, 0) is the centre of a pixel; cv2.resize has it as `Placing`."""
    shift = matrix[:, :2] @ (0.5, 0.5) - 0.5
    return np.hstack([matrix[:, :2], (matrix[:, 2] + shift)[:, None]])


def _move(region: Region, placing: Placing, size: tuple[int, int], origin: tuple[int, int]) -> Region | None:
    """Return a region where it is in the square, as far as it is seen; None if it is not."""
    points = placing.move(region.points)
    seen = _seen(points, size)
    if seen < SEEN:
        return None
    corners: Points = tuple((float(x) + origin[0], float(y) + origin[1]) for x, y in points)
    return Region(
        _mirrored(corners) if placing.flipped else corners, region.text, region.ignored or seen < WHOLE
    )


def _seen(points: npt.NDArray[np.float64], size: tuple[int, int]) -> float:
    """Return the share of the upright box around (K, 2) points that lies inside of (width, height)."""
    low, high = points.min(axis=0), points.max(axis=0)
    inside = np.clip(np.minimum(high, size) - np.maximum(low, 0), 0, None)
    return float(np.prod(inside) / max(np.prod(high - low), 1e-9))


def _mirrored(points: Points) -> Points:
    """Return a mirrored text's corners clockwise from its new top left: those of its upper edge come first."""
    middle = len(points) // 2
    return (*points[:middle][::-1], *points[middle:][::-1])
