"""What the light and the camera do to a photo: no point of a region moves."""

import cv2
import numpy as np

from train.data.augment import AUGMENTATIONS, Augmentation
from train.data.images import Image

LINE_OPERATIONS = ("brightness_contrast", "blur", "motion_blur", "jpeg")
"""Those of the lines that suit images of any size."""


def change_light(image: Image, probability: float, strength: float, rng: np.random.Generator) -> Image:
    """Apply each change with `probability` at `strength`; `image` itself is returned where none was drawn."""
    operations: list[Augmentation] = [colour, *map(AUGMENTATIONS.get, LINE_OPERATIONS)]
    chosen = rng.random(len(operations)) < probability * (strength > 0)
    for operation, apply in zip(operations, chosen, strict=True):
        if apply:
            image = operation(image, strength, rng)
    return image


def colour(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Change the white balance by up to a third a channel, and the saturation from none to double."""
    gains = 2.0 ** (strength * 0.4 * rng.uniform(-1, 1, 3))
    saturation = 1 + strength * rng.uniform(-1, 1)
    grey = np.array([0.114, 0.587, 0.299])
    # one linear map of the three channels: out = saturation * in + (1 - saturation) * grey, then the gains
    mixing = gains[:, None] * (saturation * np.eye(3) + (1 - saturation) * grey)
    return np.asarray(cv2.transform(image, mixing), np.uint8)
