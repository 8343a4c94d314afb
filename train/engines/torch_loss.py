"""CTC loss in torch (Graves et al., 2006)."""

from collections.abc import Sequence
from typing import Any

from train.data.charset import BLANK


def ctc_loss(logits: Any, targets: Sequence[Sequence[int]], smoothing: float) -> Any:
    """Return the mean over lines of the negative log-likelihood.

    Args:
        logits: (N, T, C) float32 tensor.
        targets: N class sequences; one that needs more than T steps adds no loss.
        smoothing: share of the loss that is the cross-entropy to the uniform distribution, mean over steps.
    """
    import torch
    from torch.nn import functional

    count, steps, _ = logits.shape
    scores = functional.log_softmax(logits, dim=-1)
    lengths = torch.tensor([len(target) for target in targets])
    labels = torch.tensor([c for target in targets for c in target], dtype=torch.long)
    loss = functional.ctc_loss(
        scores.transpose(0, 1),
        labels.to(logits.device),
        torch.full((count,), steps),
        lengths,
        blank=BLANK,
        reduction="none",
        zero_infinity=True,
    ).mean()
    if smoothing:
        loss = (1 - smoothing) * loss - smoothing * steps * scores.mean()
    return loss
