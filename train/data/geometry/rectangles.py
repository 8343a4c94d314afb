"""The smallest rectangle around points: corners in one order, whatever the order in which OpenCV gives them."""

from operator import itemgetter

import cv2
import numpy as np
import numpy.typing as npt

RectangleOfPoints = npt.NDArray[np.float32]
"""(4, 2) corners x, y in pixels: top left, top right, bottom right, bottom left."""


def smallest_rectangle(points: npt.NDArray[np.generic]) -> tuple[RectangleOfPoints, float]:
    """Return the smallest rectangle around points, at any angle, and its shorter side.

    Args:
        points: (N, 2) or (N, 1, 2) int32 or float32, N >= 1.

    Returns:
        (4, 2) float32 corners, and the shorter side in pixels.
    """
    rectangle = cv2.minAreaRect(points)
    return from_top_left(cv2.boxPoints(rectangle)), float(min(rectangle[1]))


def from_top_left(points: npt.NDArray[np.generic]) -> RectangleOfPoints:
    """Return (4, 2) corners in the one order."""
    a, b, c, d = sorted(points, key=itemgetter(0))
    top_left, bottom_left = (a, b) if b[1] > a[1] else (b, a)
    top_right, bottom_right = (c, d) if d[1] > c[1] else (d, c)
    return np.array([top_left, top_right, bottom_right, bottom_left], np.float32)
