"""Quadrilaterals around text."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train.data.crops import Quad
from train.data.rectangles import RectangleOfPoints, smallest_rectangle

__all__ = ["Quad", "RectangleOfPoints", "smallest_rectangle", "upright_boxes"]


def upright_boxes(quads: Sequence[npt.ArrayLike]) -> list[list[int]]:
    """Return [left, top, right, bottom] of the upright rectangle around each (4, 2) quad."""
    if not len(quads):
        return []
    corners = np.asarray(quads)
    boxes: list[list[int]] = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).tolist()
    return boxes
