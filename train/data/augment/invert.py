"""Light text on dark ground as dark text on light ground, and the other way round."""

import cv2
import numpy as np

from train.data.augment import AUGMENTATIONS
from train.data.images import Image


@AUGMENTATIONS.register("invert")
def invert(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Take every value from 255, with a chance of `strength` (PaddleOCR's `reverse`, albumentations' InvertImg)."""
    return np.asarray(cv2.bitwise_not(image), np.uint8) if rng.random() < strength else image
