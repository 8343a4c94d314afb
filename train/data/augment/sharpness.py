"""What focus, movement and distance leave of the edges."""

import cv2
import numpy as np

from train.data.augment import AUGMENTATIONS
from train.data.images import Image


@AUGMENTATIONS.register("blur")
def blur(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Blur by a Gaussian with a sigma of up to 1.8 px."""
    sigma = 1.8 * strength * rng.uniform(0.2, 1)
    side = 2 * int(np.ceil(2 * sigma)) + 1
    return np.asarray(cv2.GaussianBlur(image, (side, side), sigma), np.uint8)


@AUGMENTATIONS.register("motion_blur")
def motion_blur(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Smear along a straight line of up to 6 px in any direction."""
    reach = 3 * strength * rng.uniform(0.2, 1)
    angle = rng.uniform(0, np.pi)
    radius = int(np.ceil(reach))
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    for step in np.linspace(-reach, reach, 4 * radius + 1):
        x, y = step * np.cos(angle), step * np.sin(angle)
        kernel[radius + round(y), radius + round(x)] += 1
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.uint8)


@AUGMENTATIONS.register("downscale")
def downscale(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Shrink the line to as little as a third, and enlarge it again (albumentations' Downscale)."""
    height, width = image.shape[:2]
    scale = 1 - 0.67 * strength * rng.uniform(0.2, 1)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
