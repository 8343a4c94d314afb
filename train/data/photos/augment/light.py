"""What the light and the camera do to a photo: no point of a region moves."""

import numpy as np

from train.data.augment import AUGMENTATIONS
from train.data.images import Image

LINE_OPERATIONS = ("color_jitter", "brightness_contrast", "blur", "motion_blur", "jpeg")
"""Those of the lines that suit images of any size."""


def change_light(image: Image, probability: float, strength: float, rng: np.random.Generator) -> Image:
    """Apply each change with `probability` at `strength`; `image` itself is returned where none was drawn."""
    operations = [AUGMENTATIONS.get(name) for name in LINE_OPERATIONS]
    chosen = rng.random(len(operations)) < probability * (strength > 0)
    for operation, apply in zip(operations, chosen, strict=True):
        if apply:
            image = operation(image, strength, rng)
    return image
