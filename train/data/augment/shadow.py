"""A shadow that falls across the line."""

import numpy as np

from train.data.augment import AUGMENTATIONS
from train.data.images import Image


@AUGMENTATIONS.register("shadow")
def shadow(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Darken one side of a slanted edge, sharp or soft, to as little as a third of its light.

    albumentations' RandomShadow.
    """
    height, width = image.shape[:2]
    edge, slope, soft = rng.uniform(0, width), rng.uniform(-2, 2), rng.uniform(1, height)
    across = np.arange(width) - edge + slope * (np.arange(height)[:, None] - height / 2)
    side = np.clip(0.5 + rng.choice([-1, 1]) * across / soft, 0, 1)
    light = 1 - 0.67 * strength * rng.uniform(0.3, 1) * side
    return np.asarray(image * light[:, :, None].astype(np.float32), np.uint8)
