"""The losses in Paddle: CTC (Graves et al., 2006), cross-entropy, DBNet's."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from train.data.charset import BLANK
from train.data.photos.targets import Map
from train.engines.regions_loss import regions_loss


def ctc_loss(logits: Any, targets: Sequence[Sequence[int]], smoothing: float) -> Any:
    """Return the mean over lines of the negative log-likelihood.

    Args:
        logits: (N, T, C) float32 tensor.
        targets: N class sequences, none needing more than T steps.
        smoothing: share of the loss that is the cross-entropy to the uniform distribution, summed over a line's steps
            as CTC is, mean over lines.
    """
    import paddle
    from paddle.nn import functional

    count, steps, _ = logits.shape
    lengths = np.array([len(target) for target in targets], np.int64)
    labels = np.zeros((count, max(int(lengths.max()), 1)), np.int32)
    for row, target in zip(labels, targets, strict=True):
        row[: len(target)] = target
    loss = (
        functional.ctc_loss(
            logits.transpose([1, 0, 2]),
            paddle.to_tensor(labels),
            paddle.full([count], steps, "int64"),
            paddle.to_tensor(lengths),
            reduction="none",
        ).mean()
        if lengths.any()
        # Paddle's kernel divides by zero, and ends the process, where no line of a batch has a label.
        else -functional.log_softmax(logits, axis=-1)[:, :, BLANK].sum(axis=1).mean()
    )
    if smoothing:
        uniform = -functional.log_softmax(logits, axis=-1).mean()
        loss = (1 - smoothing) * loss + smoothing * steps * uniform
    return loss


def class_loss(logits: Any, targets: Sequence[int], smoothing: float) -> Any:
    """Return the mean over samples of the cross-entropy.

    Args:
        logits: (N, C) float32 tensor.
        targets: N classes.
        smoothing: share of the target that is spread evenly over the classes.
    """
    import paddle
    from paddle.nn import functional

    scores = functional.log_softmax(logits, axis=-1)
    classes = paddle.to_tensor(np.asarray(targets, np.int64))
    right = paddle.take_along_axis(scores, classes.unsqueeze(1), axis=1)
    return -(1 - smoothing) * right.mean() - smoothing * scores.mean()


def maps_loss(outputs: Any, targets: Map, smoothing: float) -> Any:
    """Return DBNet's loss of (N, 2, H, W) logits and (N, 4, H, W) target maps; maps have no labels to smooth."""
    import paddle
    from paddle.nn import functional

    return regions_loss(functional, outputs, paddle.to_tensor(targets))


def softmax(logits: Any) -> Any:
    """Return the probabilities of the classes, which stand on the last axis."""
    from paddle.nn import functional

    return functional.softmax(logits, axis=-1)
