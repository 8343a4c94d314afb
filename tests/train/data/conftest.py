"""Small images to break on purpose."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data.sample import Sample

MakeSample = Callable[..., Sample]


@pytest.fixture
def sample(tmp_path: Path) -> MakeSample:
    """Write an image of noise, and return a sample of it; equal seeds and shapes give equal pixels."""

    def make(text: str, seed: int, name: str = "", height: int = 24, width: int = 200) -> Sample:
        path = tmp_path / "images" / (name or f"{seed}_{len(text)}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
        path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())
        return Sample(path, text, f"rec_gt.txt:{seed + 1}")

    return make
