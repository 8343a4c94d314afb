"""Photos as a study keeps them: whole, shrunken where they are very large, and their regions with them."""

from collections.abc import Sequence

import cv2
import numpy as np

from train.data.geometry.detection import DetectionParameters, input_size, prepare
from train.data.images import Image
from train.data.photos.regions import Region

LONGEST_PX = 1152
"""Longest side of a kept photo; a smaller one is not enlarged."""


def photo_size(height_px: int, width_px: int) -> tuple[int, int]:
    """Return the (height, width) in which a photo is kept."""
    scale = min(1.0, LONGEST_PX / max(height_px, width_px))
    return max(1, round(height_px * scale)), max(1, round(width_px * scale))


def shrink_photo(image: Image) -> Image:
    """Return (H, W, 3) uint8 BGR as it is kept; `image` itself where it is small enough."""
    height, width = image.shape[:2]
    size = photo_size(height, width)
    if size == (height, width):
        return image
    return np.asarray(cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def input_photo(image: Image, source_size: tuple[int, int], how: DetectionParameters) -> Image:
    """Return a kept photo, (H, W, 3) uint8 BGR, as the input that serving makes of the photo it was.

    Args:
        image: as it is kept.
        source_size: (height, width) of the photo before; one that was kept as it was has the same input.
        how: decides the input's size.
    """
    if image.shape[:2] == source_size:
        return prepare(image, how)
    return np.asarray(cv2.resize(image, input_size(*source_size, how)[::-1]), np.uint8)


def move_regions(
    regions: Sequence[Region], from_size: tuple[int, int], to_size: tuple[int, int]
) -> tuple[Region, ...]:
    """Return regions in pixels of a photo resized from one (height, width) to another."""
    x_factor, y_factor = to_size[1] / from_size[1], to_size[0] / from_size[0]
    return tuple(
        Region(tuple((x * x_factor, y * y_factor) for x, y in region.points), region.text, region.ignored)
        for region in regions
    )
