"""CTC loss in Paddle (Graves et al., 2006)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from train.data.charset import BLANK


def ctc_loss(logits: Any, targets: Sequence[Sequence[int]], smoothing: float) -> Any:
    """Return the mean over lines of the negative log-likelihood.

    Args:
        logits: (N, T, C) float32 tensor.
        targets: N class sequences, none needing more than T steps.
        smoothing: share of the loss that is the cross-entropy to the uniform distribution, mean over steps.
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
