"""What a hand-held camera makes of a marked surface: light, view, focus, resolution, noise."""

import cv2
import numpy as np

from train.data.augment.light import jpeg, noise
from train.data.augment.sharpness import motion_blur
from train.data.drawing.surfaces import Scene
from train.data.images import Image

LOW_PX, HIGH_PX = 18, 40


def lit(scene: Scene, rng: np.random.Generator) -> Scene:
    """Let the light fall off along the line and, at times, a lamp glare in it."""
    height, width = scene.shape[:2]
    corners = rng.uniform(0.6, 1.25, (2, 3)).astype(np.float32)
    light = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    shone = scene * light[:, :, None]
    if rng.random() < 0.25:
        shone += _glare(height, width, rng)[:, :, None]
    return np.asarray(shone, np.float32)


def _glare(height: int, width: int, rng: np.random.Generator) -> Scene:
    """A soft bright spot, (h, w), of up to 80 of 255."""
    x = (np.arange(width, dtype=np.float32) - rng.uniform(0, width)) / rng.uniform(30, 110)
    y = (np.arange(height, dtype=np.float32) - rng.uniform(0, height)) / rng.uniform(10, 40)
    return np.float32(rng.uniform(25, 80)) * np.outer(np.exp(-y * y), np.exp(-x * x))


def tilted(scene: Scene, rng: np.random.Generator) -> Scene:
    """View the surface from the side: rotation, shear and perspective within the given frame."""
    height, width = scene.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    rise, shear = rng.normal(0, 4), rng.normal(0, 4)
    moved = corners + rng.uniform(-3, 3, (4, 2))
    moved[:, 1] += rise * np.array([-1, 1, 1, -1])
    moved[:, 0] += shear * np.array([-1, -1, 1, 1])
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    view = cv2.warpPerspective(scene, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(view, np.float32)


def photographed(scene: Scene, rng: np.random.Generator) -> Image:
    """Take the picture: (h, w, 3) uint8 BGR with h in [LOW_PX, HIGH_PX], aspect ratio about kept."""
    height, width = scene.shape[:2]
    view = cv2.GaussianBlur(tilted(lit(scene, rng), rng), (0, 0), rng.uniform(0.4, 1.9))
    pixels = int(np.clip(rng.gamma(4, 1.6) + LOW_PX, LOW_PX, HIGH_PX))
    small = cv2.resize(view, (round(width * pixels / height), pixels), interpolation=cv2.INTER_AREA)
    image = np.clip(small, 0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        image = motion_blur(image, 0.35, rng)
    return jpeg(noise(image, rng.uniform(0, 0.6), rng), rng.uniform(0, 0.7), rng)
