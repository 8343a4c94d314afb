"""PP-LCNetV3's parallel branches as the one convolution that they add up to.

The published network trains several branches a layer (identity, 1x1 and k x k, each with a batch norm) whose sum
is linear, so fine-tuning one fused branch reads the same and costs a fraction.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from train.models.network import Array, Arrays

EPSILON = 1e-5  # of every batch norm in these layers, in both frameworks
FIRST = ".conv_symmetric.0"
BRANCHES = (".conv_symmetric.", ".conv_small_symmetric.", ".identity.")


def keep_one_branch(layers: Iterable[Any]) -> None:
    """Leave a single convolution and batch norm in every branched layer, values untouched."""
    for layer in [layer for layer in layers if hasattr(layer, "conv_symmetric")]:
        layer.identity = None
        layer.conv_small_symmetric = None
        while len(layer.conv_symmetric) > 1:
            del layer.conv_symmetric[-1]


def fuse_branches(arrays: Arrays) -> Arrays:
    """Return the arrays of the network with one branch that computes what these compute with several."""
    suffix = f"{FIRST}.convolution.weight"
    owners = [name.removesuffix(suffix) for name in arrays if name.endswith(suffix)]
    fused = {name: array for name, array in arrays.items() if not any(part in name for part in BRANCHES)}
    for owner in owners:
        kernel, bias = _sum_of_branches(arrays, owner)
        norm = f"{owner}{FIRST}.normalization"
        scale = np.sqrt(arrays[f"{norm}._variance"] + EPSILON) / arrays[f"{norm}.weight"]
        fused |= {f"{norm}.{role}": arrays[f"{norm}.{role}"] for role in ("weight", "_mean", "_variance")}
        fused[f"{owner}{suffix}"] = kernel * scale[:, None, None, None]
        fused[f"{norm}.bias"] = bias + arrays[f"{norm}._mean"] / scale
    return fused


def _sum_of_branches(arrays: Arrays, owner: str) -> tuple[Array, Array]:
    """Return the (O, I, k, k) kernel and (O,) bias that all branches of a layer add up to."""
    shape = arrays[f"{owner}{FIRST}.convolution.weight"].shape
    kernel, bias = np.zeros(shape, np.float32), np.zeros(shape[0], np.float32)
    kernels = [n for n in arrays if n.startswith(f"{owner}.conv_") and n.endswith(".convolution.weight")]
    for name in kernels:
        part, shift = _folded(arrays, arrays[name], f"{name.removesuffix('convolution.weight')}normalization")
        pad = (shape[2] - part.shape[2]) // 2
        kernel += np.pad(part, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        bias += shift
    if f"{owner}.identity.weight" in arrays:
        part, shift = _folded(arrays, _identity_kernel(shape), f"{owner}.identity")
        kernel += part
        bias += shift
    return kernel, bias


def _folded(arrays: Arrays, kernel: Array, norm: str) -> tuple[Array, Array]:
    scale = arrays[f"{norm}.weight"] / np.sqrt(arrays[f"{norm}._variance"] + EPSILON)
    return kernel * scale[:, None, None, None], arrays[f"{norm}.bias"] - arrays[f"{norm}._mean"] * scale


def _identity_kernel(shape: tuple[int, ...]) -> Array:
    kernel = np.zeros(shape, np.float32)
    centre = shape[2] // 2
    for channel in range(shape[0]):
        kernel[channel, channel % shape[1], centre, centre] = 1.0
    return kernel
