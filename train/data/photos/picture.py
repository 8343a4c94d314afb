"""Photos with their regions drawn in, for people."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from train.data import images
from train.data.images import Image
from train.data.photos.regions import Region, regions_of
from train.data.sample import Sample

SIDE_PX = 420
LABEL_BGR, IGNORED_BGR, FOUND_BGR = (60, 180, 0), (150, 150, 150), (0, 110, 255)


def draw_regions(
    image: Image, regions: Sequence[Region], found: npt.ArrayLike = (), longest_px: int = SIDE_PX
) -> Image:
    """Return a photo with its labels in green, the ignored ones in grey, and detections in orange.

    Args:
        image: (H, W, 3) uint8 BGR, not written to.
        regions: labels, in pixels of `image`.
        found: (N, 4, 2) corners of detections, in pixels of `image`.
        longest_px: of the result; a smaller photo is not enlarged.
    """
    height, width = image.shape[:2]
    scale = min(longest_px / max(height, width), 1)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    drawn = np.array(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    factors = np.array(size) / (width, height)
    for region in sorted(regions, key=lambda region: not region.ignored):
        _outline(
            drawn, np.reshape(region.points, (-1, 2)) * factors, IGNORED_BGR if region.ignored else LABEL_BGR
        )
    for quad in np.asarray(found, np.float64).reshape(-1, 4, 2):
        _outline(drawn, quad * factors, FOUND_BGR)
    return drawn


def photo_picture(sample: Sample) -> Image:
    """Return a sample's photo with its regions, for the page of a check; raise DataError if it is unreadable."""
    return draw_regions(images.read(sample.path), regions_of(sample.text, sample.source))


def _outline(drawn: Image, corners: npt.NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    if not len(corners):
        return
    points = np.rint(corners.reshape(-1, 1, 2)).astype(np.int32)
    cv2.polylines(drawn, [points], isClosed=True, color=colour, thickness=1, lineType=cv2.LINE_AA)
    first = tuple(points[0, 0].tolist())
    cv2.circle(drawn, first, 2, colour, cv2.FILLED)  # a text begins here
