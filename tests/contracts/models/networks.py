"""Networks of any framework, run for their contracts."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from train.data.images import Image
from train.models.network import Network

Array = npt.NDArray[np.float32]
LARGEST_DIFFERENCE = 1e-3
LIGHT = ("pp-ocrv6-tiny", "pp-ocrv6-tiny-det")
"""What `make quick` tries; the larger ones of a wheel take seconds each, and are left to `make test`."""


def each(cases: Iterable[tuple[str, ...]]) -> list[Any]:
    """Return the cases of a model each, its name first, as parameters of a test."""
    return [pytest.param(*case, marks=() if case[0] in LIGHT else pytest.mark.slow) for case in cases]


def read(network: Network, images: Image) -> Array:
    """Return (N, T, C) probabilities."""
    logits = array_of(network.logits(network.tensor(images)))
    scores = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(scores / scores.sum(-1, keepdims=True), np.float32)


def array_of(tensor: Any) -> Array:
    return np.asarray(tensor.detach().numpy(), np.float32)
