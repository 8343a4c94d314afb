"""What is left of a line that was small in its photo."""

import cv2
import numpy as np

from train.data.augment import AUGMENTATIONS
from train.data.images import Image


@AUGMENTATIONS.register("downscale")
def downscale(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Shrink the line to as little as a third, and enlarge it again (albumentations' Downscale)."""
    height, width = image.shape[:2]
    scale = 1 - 0.67 * strength * rng.uniform(0.2, 1)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
