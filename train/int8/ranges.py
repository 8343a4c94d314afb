"""What comes into a product, seen on real images."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from train.int8.graph import Array, Product, run_for

SAMPLED = 100
"""Positions of a product's input that are kept of each image."""


@dataclass(frozen=True)
class InputSample:
    """Of what comes into a product.

    Attributes:
        positions: by which the weights are multiplied, of an image on average.
        rows: (some positions, channels in) float32.
    """

    positions: float
    rows: Array


def measure_inputs(
    model: onnx.ModelProto, products: Sequence[Product], batches: Sequence[Array]
) -> dict[str, InputSample]:
    """Return what comes into each product, by its name, on batches of an image."""
    rng = np.random.default_rng(0)
    kept: Mapping[str, list[Array]] = defaultdict(list)
    sizes: Mapping[str, list[int]] = defaultdict(list)
    for tensors in run_for(model, [one.input for one in products], batches):
        for one in products:
            values = tensors[one.input]
            rows = (values if one.channels_last else np.moveaxis(values, 1, -1)).reshape(-1, len(one.weights))
            sizes[one.name].append(len(rows))
            kept[one.name].append(rows[rng.integers(0, len(rows), min(SAMPLED, len(rows)))])
    return {
        one.name: InputSample(float(np.mean(sizes[one.name])), np.concatenate(kept[one.name]))
        for one in products
    }
