"""PP-LCNetV3's parallel branches as the one convolution that they add up to.

The published network trains several branches a layer (identity, 1x1 and k x k, each with a batch norm) whose sum
is linear, so fine-tuning one fused branch reads the same and costs a fraction.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from train.models.network import Array, Arrays, Statistics

EPSILON = 1e-5  # of every batch norm in these layers, in both frameworks
FIRST = ".conv_symmetric.0"
REP = ".token_mixer.rep_dw"
DEPTHWISE = ".rep_dw"
SAME = 4  # equal branches of a layer of PP-LCNetV3
NORM = ("weight", "bias", "_mean", "_variance")
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


def spread_branches(arrays: Arrays, blocks: Sequence[Sequence[Sequence[Any]]]) -> Arrays:
    """Return the arrays of the network with several branches that computes what these compute with one.

    The k x k branches are equal and share the sum; the others start at nothing, and learn. `blocks` are the settings of
    each stage's layers, (kernel, channels before, behind, stride, ...): a branch that passes its input on has stride 1.
    """
    suffix = f"{FIRST}.convolution.weight"
    spread = {name: array for name, array in arrays.items() if FIRST not in name}
    for owner in [name.removesuffix(suffix) for name in arrays if name.endswith(suffix)]:
        kernel = arrays[f"{owner}{suffix}"]
        norm = {role: arrays[f"{owner}{FIRST}.normalization.{role}"] for role in NORM}
        shared: Arrays = norm | {role: norm[role] / np.float32(SAME) for role in ("weight", "bias")}
        nothing: Arrays = {role: np.zeros_like(array) for role, array in norm.items()}
        nothing["_variance"] = np.ones_like(norm["_variance"])
        branches: dict[str, tuple[Array, Arrays]] = {
            f".conv_symmetric.{number}": (kernel, shared) for number in range(SAME)
        }
        if kernel.shape[2] > 1:
            centre = kernel.shape[2] // 2
            branches[".conv_small_symmetric"] = (
                kernel[:, :, centre : centre + 1, centre : centre + 1],
                nothing,
            )
        for branch, (weight, values) in branches.items():
            spread[f"{owner}{branch}.convolution.weight"] = weight
            spread |= {f"{owner}{branch}.normalization.{role}": array for role, array in values.items()}
        if _passes_on(owner, kernel, blocks):
            spread |= {f"{owner}.identity.{role}": array for role, array in nothing.items()}
    return spread


def _passes_on(owner: str, kernel: Array, blocks: Sequence[Sequence[Sequence[Any]]]) -> bool:
    """Whether a layer has a branch for its input: as many channels before as behind, and stride 1."""
    *_, stage, _, layer, part = owner.split(".")
    pointwise = part.startswith("pointwise")
    return kernel.shape[0] == kernel.shape[1] if pointwise else bool(blocks[int(stage)][int(layer)][3] == 1)


def split_depthwise(arrays: Arrays, sums: Mapping[str, tuple[Statistics, Statistics]]) -> Arrays:
    """Return arrays whose depthwise convolutions are PaddleOCR's RepDWConv again: the inverse of `fuse_depthwise`.

    Args:
        arrays: by shared name.
        sums: for each such convolution, statistics of what it adds up without its bias, and of that without its input:
            what the two batch norms see, so that they are the same function in training.
    """
    split = dict(arrays)
    for name, (whole, part) in sums.items():
        kernel, bias = split.pop(f"{name}.weight"), split.pop(f"{name}.bias")
        split[f"{name}{DEPTHWISE}.conv.conv.weight"] = kernel - _identity_kernel(kernel.shape)
        split[f"{name}{DEPTHWISE}.conv1.weight"] = np.zeros_like(kernel[:, :, :1, :1])
        for norm, seen, shift in (("conv.bn", part, 0 * bias), ("bn", whole, bias)):
            roles = (np.sqrt(seen.variance + EPSILON), seen.mean + shift, seen.mean, seen.variance)
            split |= {
                f"{name}{DEPTHWISE}.{norm}.{role}": array for role, array in zip(NORM, roles, strict=True)
            }
    return split


def fuse_depthwise(theirs: Arrays) -> Arrays:
    """Return PaddleOCR's arrays with each RepDWConv of PP-LCNetV4 as one convolution, the others untouched.

    It adds a convolution with its batch norm, a 1 x 1 convolution and its input, and normalises the sum.
    """
    suffix = f"{REP}.conv.conv.weight"
    fused = {name: array for name, array in theirs.items() if f"{REP}." not in name}
    for owner in [name.removesuffix(suffix) for name in theirs if name.endswith(suffix)]:
        part = f"{owner}{REP}"
        kernel, bias = _folded(theirs, theirs[f"{part}.conv.conv.weight"], f"{part}.conv.bn")
        pad = kernel.shape[2] // 2
        kernel += np.pad(theirs[f"{part}.conv1.weight"], ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        kernel += _identity_kernel(kernel.shape)
        scale = theirs[f"{part}.bn.weight"] / np.sqrt(theirs[f"{part}.bn._variance"] + EPSILON)
        fused[f"{part}.reparam_conv.weight"] = kernel * scale[:, None, None, None]
        fused[f"{part}.reparam_conv.bias"] = (
            theirs[f"{part}.bn.bias"] + (bias - theirs[f"{part}.bn._mean"]) * scale
        )
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
