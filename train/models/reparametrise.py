"""PP-LCNetV3's parallel branches as the one convolution that they add up to.

The published network trains several branches a layer (identity, 1x1 and k x k, each with a batch norm) whose sum
is linear, so fine-tuning one fused branch reads the same and costs a fraction.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def _branched_layers(network: Any) -> list[Any]:
    return [layer for layer in network.sublayers() if hasattr(layer, "conv_symmetric")]


def keep_one_branch(network: Any) -> None:
    """Leave a single convolution and batch norm in every branched layer, values untouched."""
    for layer in _branched_layers(network):
        layer.identity = None
        layer.conv_small_symmetric = None
        while len(layer.conv_symmetric) > 1:
            del layer.conv_symmetric[-1]


def fuse_branches(network: Any) -> None:
    """Add up the branches of every branched layer into its first convolution."""
    for layer in _branched_layers(network):
        kernel, bias = _sum_of_branches(layer)
        keep_one_branch_of = layer.conv_symmetric[0]
        norm = keep_one_branch_of.normalization
        scale = np.sqrt(norm._variance.numpy() + norm._epsilon) / norm.weight.numpy()
        keep_one_branch_of.convolution.weight.set_value(kernel * scale[:, None, None, None])
        norm.bias.set_value(bias + norm._mean.numpy() / scale)
    keep_one_branch(network)


def _sum_of_branches(layer: Any) -> tuple[Array, Array]:
    """Return the (O, I, k, k) kernel and (O,) bias that all branches of a layer add up to."""
    shape = layer.conv_symmetric[0].convolution.weight.shape
    kernel, bias = np.zeros(shape, np.float32), np.zeros(shape[0], np.float32)
    for conv in [
        *layer.conv_symmetric,
        *([layer.conv_small_symmetric] if layer.conv_small_symmetric else []),
    ]:
        part, shift = _folded(conv.convolution.weight.numpy(), conv.normalization)
        pad = (shape[2] - part.shape[2]) // 2
        kernel += np.pad(part, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        bias += shift
    if layer.identity is not None:
        part, shift = _folded(_identity_kernel(shape), layer.identity)
        kernel += part
        bias += shift
    return kernel, bias


def _folded(kernel: Array, norm: Any) -> tuple[Array, Array]:
    scale = norm.weight.numpy() / np.sqrt(norm._variance.numpy() + norm._epsilon)
    return kernel * scale[:, None, None, None], norm.bias.numpy() - norm._mean.numpy() * scale


def _identity_kernel(shape: list[int]) -> Array:
    kernel = np.zeros(shape, np.float32)
    centre = shape[2] // 2
    for channel in range(shape[0]):
        kernel[channel, channel % shape[1], centre, centre] = 1.0
    return kernel
