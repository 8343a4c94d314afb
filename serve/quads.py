"""Quadrilaterals around text: corners in one order, whatever the order in which OpenCV gives them."""

from collections.abc import Sequence
from operator import itemgetter

import cv2
import numpy as np
import numpy.typing as npt

Quad = npt.NDArray[np.int32]
"""(4, 2) corners x, y in pixels: top left, top right, bottom right, bottom left."""

RectangleOfPoints = npt.NDArray[np.float32]


def smallest_rectangle(points: npt.NDArray[np.generic]) -> tuple[RectangleOfPoints, float]:
    """Return the smallest rectangle around points, at any angle, and its shorter side.

    Args:
        points: (N, 2) or (N, 1, 2) int32 or float32, N >= 1.

    Returns:
        (4, 2) float32 corners in a Quad's order, and the shorter side in pixels.
    """
    rectangle = cv2.minAreaRect(points)
    a, b, c, d = sorted(cv2.boxPoints(rectangle), key=itemgetter(0))
    top_left, bottom_left = (a, b) if b[1] > a[1] else (b, a)
    top_right, bottom_right = (c, d) if d[1] > c[1] else (d, c)
    corners = np.array([top_left, top_right, bottom_right, bottom_left], np.float32)
    return corners, float(min(rectangle[1]))


def upright_boxes(quads: Sequence[npt.ArrayLike]) -> list[list[int]]:
    """Return [left, top, right, bottom] of the upright rectangle around each (4, 2) quad."""
    if not len(quads):
        return []
    corners = np.asarray(quads)
    boxes: list[list[int]] = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).tolist()
    return boxes
