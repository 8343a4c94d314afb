"""Light and colour as the camera records them: brightness, colours, dark for light, sensor noise, compression."""

from functools import cache

import cv2
import numpy as np

from train.data.augment import AUGMENTATIONS
from train.data.images import HEIGHT_PX, Image

NOISE_SIGMA = 32.0
NOISE_PX = 3200
"""Length of the noise that is drawn, in columns of a line; a longer line has it again."""


@AUGMENTATIONS.register("brightness_contrast")
def brightness_contrast(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Scale the contrast by up to 2 either way around the mean and shift it by up to 80 of 255."""
    gain = 2.0 ** (strength * rng.uniform(-1, 1))
    shift = strength * 80 * rng.uniform(-1, 1)
    mean = sum(cv2.mean(image)[:3]) / 3
    # Pulling the mean towards the middle keeps the text of nearly black or white lines from being clipped.
    level = np.clip(mean + shift, min(mean, 48), max(mean, 208))
    table = np.clip((np.arange(256) - mean) * gain + level, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)


@AUGMENTATIONS.register("color_jitter")
def color_jitter(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Change the white balance by up to a third a channel, and the saturation from none to double."""
    gains = 2.0 ** (strength * 0.4 * rng.uniform(-1, 1, 3))
    saturation = 1 + strength * rng.uniform(-1, 1)
    grey = np.array([0.114, 0.587, 0.299])
    # one linear map of the three channels: out = saturation * in + (1 - saturation) * grey, then the gains
    mixing = gains[:, None] * (saturation * np.eye(3) + (1 - saturation) * grey)
    return np.asarray(cv2.transform(image, mixing), np.uint8)


@AUGMENTATIONS.register("invert")
def invert(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Take every value from 255, with a chance of `strength` (PaddleOCR's `reverse`, albumentations' InvertImg)."""
    return np.asarray(cv2.bitwise_not(image), np.uint8) if rng.random() < strength else image


@cache
def _noise_buffer() -> Image:
    """Gaussian noise around 128 with NOISE_SIGMA, flat."""
    values = np.random.default_rng(0).normal(128, NOISE_SIGMA, HEIGHT_PX * NOISE_PX * 3)
    return np.clip(values, 0, 255).astype(np.uint8)


@AUGMENTATIONS.register("noise")
def noise(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Add Gaussian noise with a sigma of up to 28 of 255, cut from a buffer drawn once."""
    buffer = _noise_buffer()
    start = int(rng.integers(max(1, buffer.size - image.size)))
    grain = buffer[start : start + image.size]
    if grain.size < image.size:
        grain = np.resize(grain, image.size)
    grain = grain.reshape(image.shape)
    share = strength * rng.uniform(0.2, 1) * 28 / NOISE_SIGMA
    return np.asarray(cv2.addWeighted(image, 1.0, grain, share, -128 * share), np.uint8)


@AUGMENTATIONS.register("jpeg")
def jpeg(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Compress to JPEG with a quality between 95 and 95 - 80 * strength."""
    quality = int(95 - 80 * strength * rng.random())
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
