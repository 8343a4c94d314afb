"""Random changes of a training photo together with its regions: pure functions of a random generator.

The steps are PaddleOCR's for PP-OCR's detectors (IaaAugment, EastRandomCropData, ColorJitter), in code of our own.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from train.config import PhotoChanges
from train.data.images import Image
from train.data.photos.augment.light import change_light
from train.data.photos.augment.placing import Placing, place_photo, whole_photo
from train.data.photos.augment.window import choose_window, upright_boxes
from train.data.photos.regions import Region
from train.errors import UsageError

SIZES = 3
"""The part of the seed that is for the sizes of batches alone."""


class RegionAugmentation(PhotoChanges):
    """Random changes of training photos.

    Attributes:
        probability: chance in [0, 1] of each change of the pixels alone (colour, light, blur, compression).
        strength: of those, 0 (nothing) to 1 (as strong as still readable).
    """

    probability: float = Field(0.3, ge=0, le=1)
    strength: float = Field(0.5, ge=0, le=1)


UNCHANGED = RegionAugmentation(rotation_degrees=0, min_scale=1, max_scale=1, crop=0, probability=0)


def augment_photo(
    image: Image,
    regions: Sequence[Region],
    settings: RegionAugmentation,
    side_px: int,
    rng: np.random.Generator,
) -> tuple[Image, tuple[Region, ...]]:
    """Change a photo and its regions, and bring it to a square of the network's input.

    Args:
        image: (H, W, 3) uint8 BGR, not written to.
        regions: with points in pixels of `image`.
        settings: which changes; UNCHANGED for none but the fitting.
        side_px: of the result.
        rng: all randomness; `train.data.augment.sample_rng` gives one.

    Returns:
        (side_px, side_px, 3) uint8 BGR, black where no photo is; and the regions of which something is seen, points
        in its pixels. A text that was cut at an edge is ignored.
    """
    placing = _draw(image, settings, rng)
    boxes = upright_boxes([placing.move(region.points) for region in regions if not region.ignored])
    if rng.random() < settings.crop:
        window = choose_window(boxes, placing.size, side_px, rng)
    else:
        window = whole_photo(placing.size)
    image, regions = place_photo(image, regions, placing, window, side_px, rng)
    return change_light(image, settings.probability, settings.strength, rng), regions


def batch_side(sides_px: Sequence[int], seed: int, epoch: int, batch: int) -> int:
    """Return the side of all photos of a batch, one of `sides_px`: the same whichever worker asks."""
    if not sides_px or any(side < 32 or side % 32 for side in sides_px):
        raise UsageError(
            "the sides of training photos must be multiples of 32", list(sides_px), "write for example 640"
        )
    return int(np.random.default_rng((seed, epoch, batch, SIZES)).choice(np.asarray(sides_px)))


def _draw(image: Image, settings: RegionAugmentation, rng: np.random.Generator) -> Placing:
    """Draw how the photo is turned and resized; the same draws are made whatever the settings."""
    flipped = rng.random() < settings.flip
    degrees = settings.rotation_degrees * rng.uniform(-1, 1)
    scale = float(np.exp(rng.uniform(np.log(settings.min_scale), np.log(settings.max_scale))))
    return Placing.of(image.shape[:2], flipped, degrees, scale)
