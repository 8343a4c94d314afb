"""A product's numbers in 8 bits, such that its outputs stay as they were on what was seen.

The weights are first fitted to the rounded inputs (least squares), then rounded one input channel after another, each
making up for the error of those before: Frantar et al., GPTQ, ICLR 2023.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.int8.graph import Array, Product
from train.int8.ranges import InputSample

Matrix = npt.NDArray[np.float64]

STEPS, LARGEST = 255, 127
CLIPS = (0.0, 0.001, 0.01, 0.1)
"""Percent of the inputs that are clipped at either end, to choose from: rare extremes take the steps of all others."""
RIDGE = 0.01
"""How strongly the weights are held where they are, in mean squares of an input channel."""


@dataclass(frozen=True)
class Rounded:
    """What stands in the graph for a product.

    Attributes:
        scale: of the inputs.
        zero: the input 0 in 8 bits.
        weights: (channels in, channels out).
        scales: (channels out,) of the weights.
        bias: (channels out,); None without one.
    """

    scale: np.float32
    zero: np.uint8
    weights: npt.NDArray[np.int8]
    scales: Array
    bias: Array | None


def round_product(one: Product, seen: InputSample) -> Rounded:
    """Return a product in 8 bits; with a bias, the means of its outputs stay the same."""
    exact = seen.rows.astype(np.float64)
    _, scale, zero, rows = min(
        (_round_inputs(exact, one.weights, clip) for clip in CLIPS), key=lambda tried: tried[0]
    )
    means = (exact.mean(axis=0), rows.mean(axis=0)) if one.bias is not None else (0.0, 0.0)
    fitted, root = _fit(exact - means[0], rows - means[1], one.weights.astype(np.float64))
    scales = np.maximum(np.abs(fitted).max(axis=0) / LARGEST, 1e-8)
    weights = _round_in_turn(fitted, scales, root)
    bias = None
    if one.bias is not None:
        bias = (one.bias + means[0] @ one.weights - means[1] @ (weights * scales)).astype(np.float32)
    return Rounded(scale, zero, weights.astype(np.int8), scales.astype(np.float32), bias)


def _round_inputs(exact: Matrix, weights: Array, clip: float) -> tuple[float, np.float32, np.uint8, Matrix]:
    """Return how far rounding the inputs moves the outputs, the scale, the zero, and the inputs rounded."""
    low, high = np.percentile(exact, [clip, 100 - clip])
    low, high = min(0.0, low), max(0.0, high)
    scale = np.float32(max(high - low, 1e-8) / STEPS)
    zero = np.uint8(np.clip(np.rint(-low / scale), 0, STEPS))
    rows = np.asarray((np.clip(np.rint(exact / scale) + zero, 0, STEPS) - zero) * scale, np.float64)
    return float(np.square((rows - exact) @ weights).mean()), scale, zero, rows


def _fit(exact: Matrix, rows: Matrix, weights: Matrix) -> tuple[Matrix, Matrix]:
    """Return weights for the rounded rows, and the upper root of the inverse of the rows' second moments."""
    moments = rows.T @ rows / len(rows)
    held = (RIDGE * np.trace(moments) / len(moments) + 1e-12) * np.eye(len(moments))
    fitted = np.linalg.solve(moments + held, (rows.T @ exact / len(rows) + held) @ weights)
    return fitted, np.linalg.cholesky(np.linalg.inv(moments + held)).T


def _round_in_turn(weights: Matrix, scales: Matrix, root: Matrix) -> Matrix:
    left, rounded = weights.copy(), np.empty_like(weights)
    for channel, row in enumerate(root):
        rounded[channel] = np.clip(np.rint(left[channel] / scales), -LARGEST, LARGEST)
        error = (left[channel] - rounded[channel] * scales) / row[channel]
        left[channel + 1 :] -= np.outer(row[channel + 1 :], error)
    return rounded
