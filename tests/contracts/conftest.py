"""What the contracts share."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.real_lines import lines, padded

Array = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def real_images(data_dir: Path) -> list[Array]:
    """Real lines of two kinds and several widths, (N, 3, 48, W) each."""
    vin = lines(data_dir, "vin", "val", 4)
    words = lines(data_dir, "scene_words", "val", 8)
    narrow = [i for i in range(len(words)) if words.widths[i] <= 160]
    wide = [i for i in range(len(words)) if words.widths[i] > 160]
    return [padded(vin), padded(words, narrow), padded(words, wide)]
