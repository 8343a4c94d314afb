"""Networks of any framework, run for their contracts."""

from typing import Any

import numpy as np
import numpy.typing as npt

from train.data.images import Image
from train.models.network import Network

Array = npt.NDArray[np.float32]
LARGEST_DIFFERENCE = 1e-3


def read(network: Network, images: Image) -> Array:
    """Return (N, T, C) probabilities."""
    logits = array_of(network.logits(network.tensor(images)))
    scores = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(scores / scores.sum(-1, keepdims=True), np.float32)


def array_of(tensor: Any) -> Array:
    return np.asarray(tensor.detach().numpy(), np.float32)
