"""The colour of the light and of the paint."""

import cv2
import numpy as np

from train.data.augment import AUGMENTATIONS
from train.data.images import Image


@AUGMENTATIONS.register("color_jitter")
def color_jitter(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Change the white balance by up to a third a channel, and the saturation from none to double."""
    gains = 2.0 ** (strength * 0.4 * rng.uniform(-1, 1, 3))
    saturation = 1 + strength * rng.uniform(-1, 1)
    grey = np.array([0.114, 0.587, 0.299])
    # one linear map of the three channels: out = saturation * in + (1 - saturation) * grey, then the gains
    mixing = gains[:, None] * (saturation * np.eye(3) + (1 - saturation) * grey)
    return np.asarray(cv2.transform(image, mixing), np.uint8)
