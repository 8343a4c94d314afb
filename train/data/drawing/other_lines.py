"""Lines of many looks: marked on metal, plastic or paper as VINs are, or printed in a font."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from train.data.drawing import draw_marked
from train.data.drawing.typeset import Face, draw_text, face_of
from train.data.images import Image

PRINTED = 0.5
"""Share of the lines that are printed: most lines that are read are."""


@cache
def list_faces() -> list[Face]:
    """Return the DejaVu fonts that OpenCV's wheel has for its windows; none where it is built without."""
    return [face_of(path) for path in sorted((Path(cv2.__file__).parent / "qt" / "fonts").glob("*.ttf"))]


def draw_other_line(text: str, rng: np.random.Generator) -> Image:
    """Draw `text` as a camera would crop it, dark on light or light on dark: (18 to 40, w, 3) uint8 BGR."""
    faces = list_faces()
    if faces and rng.random() < PRINTED:
        return draw_text(text, faces[int(rng.integers(len(faces)))], rng)
    return draw_marked(text, rng)
