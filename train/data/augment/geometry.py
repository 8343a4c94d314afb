"""Where the text lies: rotation, perspective, and the edges of the crop."""

import cv2
import numpy as np
import numpy.typing as npt

from train.data.augment import AUGMENTATIONS
from train.data.images import HEIGHT_PX, Image

MAX_ROTATION_DEGREES = 5.0
MAX_RISE_PX = HEIGHT_PX / 2


def _affine(image: Image, matrix: npt.ArrayLike) -> Image:
    """Move the points of `image` by a (2, 3) matrix, in px; what is bared repeats the border."""
    height, width = image.shape[:2]
    moved = cv2.warpAffine(
        image, np.asarray(matrix, np.float64), (width, height), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


@AUGMENTATIONS.register("rotation")
def rotation(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Tilt the line by up to 5 degrees and squeeze its height so that its ends stay inside.

    A long line is tilted less: its ends rise by at most half the height.
    """
    height, width = image.shape[:2]
    limit = min(np.tan(np.radians(MAX_ROTATION_DEGREES)), MAX_RISE_PX / width)
    slope = strength * limit * rng.uniform(-1, 1)
    # Real crops hug the tilted text; 0.6 of the rise is what the usual margin above and below leaves over.
    squeeze = height / (height + 0.6 * width * abs(slope))
    x, y = width / 2, height / 2
    return _affine(image, [[1, slope, -slope * y], [-slope, squeeze, y * (1 - squeeze) + slope * x]])


@AUGMENTATIONS.register("perspective")
def perspective(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Move each corner by up to 15 % of the height, sideways and up or down."""
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = (corners + strength * 0.15 * height * rng.uniform(-1, 1, (4, 2))).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    warped = cv2.warpPerspective(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


@AUGMENTATIONS.register("crop_jitter")
def crop_jitter(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Move each edge of the crop: top and bottom by up to 5 px, the sides up to 4 px in and 8 px out."""
    height, width = image.shape[:2]
    left, right = strength * min(8, width / 16) * rng.uniform(-1, 0.5, 2)
    top, bottom = strength * 5 * rng.uniform(-1, 1, 2)
    scale_x, scale_y = width / (width - left - right), height / (height - top - bottom)
    return _affine(image, [[scale_x, 0, -left * scale_x], [0, scale_y, -top * scale_y]])
