"""Characters wider here and narrower there, and the whole text narrower: what a fixed width leaves no room for."""

import cv2
import numpy as np

from train.data.augment import AUGMENTATIONS
from train.data.images import Image

PIECES = 4
MOST_MOVED, MOST_BARE = 0.2, 0.06


@AUGMENTATIONS.register("stretch")
def stretch(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Move the borders between four pieces of the line by up to a fifth of a piece, and either end in by up to 6 %.

    As PaddleOCR's `tia_stretch`; what is bared repeats the border.
    """
    height, width = image.shape[:2]
    borders = np.linspace(0, width - 1, PIECES + 1)
    moved = borders + strength * MOST_MOVED * (width / PIECES) * rng.uniform(-1, 1, PIECES + 1)
    moved[0], moved[-1] = borders[[0, -1]] + strength * MOST_BARE * width * rng.random(2) * [1, -1]
    columns = np.interp(np.arange(width), moved, borders).astype(np.float32)
    rows = np.arange(height, dtype=np.float32)
    warped = cv2.remap(image, np.tile(columns, (height, 1)), np.tile(rows[:, None], width), cv2.INTER_LINEAR)
    return np.asarray(warped, np.uint8)
