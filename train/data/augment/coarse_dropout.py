"""Dirt, glare and leaves: a part of a character is not seen."""

import numpy as np

from train.data.augment import AUGMENTATIONS
from train.data.images import Image

PATCHES = 3
MOST_HIGH_PX, MOST_WIDE_PX = 20, 10


@AUGMENTATIONS.register("coarse_dropout")
def coarse_dropout(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Cover up to three patches, up to 20 px high and 10 wide, with one colour of the line (albumentations' name)."""
    height, width = image.shape[:2]
    changed = image.copy()
    for _ in range(int(rng.integers(1, PATCHES + 1))):
        high, wide = (strength * rng.uniform(0.4, 1, 2) * [MOST_HIGH_PX, MOST_WIDE_PX]).astype(int)
        top, left = (int(rng.integers(max(1, room))) for room in (height - high, width - wide))
        changed[top : top + high, left : left + wide] = image[rng.integers(height), rng.integers(width)]
    return changed
