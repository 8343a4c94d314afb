"""Batch norms that were fused away, made ready for training again."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from train.models.network import BATCH_NORM, CONVOLUTION, Arrays, Layer, Network, Statistics

SIGNAL, SMALL = 1e-3, 0.1
"""Filters between these times the usual size are enlarged."""


def reinflate(network: Network, run: Callable[[], Any]) -> None:
    """Give every batch norm the statistics of what `run()` sends through it, keeping the function.

    A fused batch norm comes as an identity, and one with the statistics of other data changes what the network
    reads as soon as it goes live; both make training unstable. With measured mean m and variance v,
    gamma' = gamma * sqrt((v + eps) / (var + eps)) and beta' = beta + gamma * (m - mean) / sqrt(var + eps) leave
    the outputs as they are, and live statistics start where the stored ones stand. Filters that fusing has made tiny
    get a usual size (see `_enlargements`), and m and v grow with them.

    Args:
        network: in eval mode.
        run: executes one forward pass of `network` on typical images.
    """
    measured: dict[str, Statistics] = {}
    order = network.execution_order(lambda: measured.update(network.norm_inputs(run)))  # one pass tells both
    old, new = network.arrays(), {}
    larger = _enlargements(old, order)
    for norm, found in measured.items():
        epsilon = np.float32(found.epsilon)
        scale = old[f"{norm}.weight"] / np.sqrt(old[f"{norm}._variance"] + epsilon)
        new[f"{norm}.bias"] = old[f"{norm}.bias"] + scale * (found.mean - old[f"{norm}._mean"])
        filters, factor = larger.get(norm, ("", np.float32(1)))
        mean, variance = factor * found.mean, factor**2 * found.variance
        new[f"{norm}.weight"] = scale / factor * np.sqrt(variance + epsilon)
        new[f"{norm}._mean"], new[f"{norm}._variance"] = mean, variance
        for part in ("weight", "bias"):
            if f"{filters}.{part}" in old:
                new[f"{filters}.{part}"] = factor * old[f"{filters}.{part}"]
    network.assign(new)


def pooled(seen: Sequence[Mapping[str, Statistics]]) -> Arrays:
    """Return the means and variances of all batches together, for the batch norms, from those of each of them."""
    arrays: Arrays = {}
    for norm in seen[0] if seen else ():
        means = np.stack([one[norm].mean for one in seen])
        squares = np.stack([one[norm].variance + one[norm].mean ** 2 for one in seen])
        arrays[f"{norm}._mean"] = mean = means.mean(axis=0)
        arrays[f"{norm}._variance"] = np.maximum(squares.mean(axis=0) - mean**2, 0)
    return arrays


def _enlargements(arrays: Arrays, order: Sequence[Layer]) -> dict[str, tuple[str, np.float32]]:
    """Return {batch norm: (the convolution before it, by what its filters are to grow)} of layers in their order.

    Adam moves every weight by about the learning rate. A detector's head comes with filters a hundred times smaller
    than those that training begins with (He et al., "Delving Deep into Rectifiers", 2015): after a few steps nothing
    would be left of them. Filters without any signal stay as they are.
    """
    found = {}
    for layer, following in pairwise(order):
        weight = arrays.get(f"{layer.name}.weight")
        if layer.kind != CONVOLUTION or following.kind != BATCH_NORM or weight is None:
            continue
        rows = weight.reshape(len(weight), -1)
        size = float(np.median(np.sqrt((rows**2).mean(axis=1))) / np.sqrt(2 / rows.shape[1]))
        if SIGNAL < size < SMALL:
            found[following.name] = layer.name, np.float32(1 / size)
    return found
