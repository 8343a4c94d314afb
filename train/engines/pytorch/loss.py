"""The losses in torch: CTC (Graves et al., 2006), cross-entropy, DBNet's."""

from collections.abc import Sequence
from typing import Any

from train.data.charset import BLANK
from train.data.photos.targets import Map
from train.engines.regions_loss import regions_loss


def ctc_loss(logits: Any, targets: Sequence[Sequence[int]], smoothing: float) -> Any:
    """Return the mean over lines of the negative log-likelihood.

    Args:
        logits: (N, T, C) float32 tensor.
        targets: N class sequences; one that needs more than T steps adds no loss.
        smoothing: share of the loss that is the cross-entropy to the uniform distribution, summed over a line's steps
            as CTC is, mean over lines.
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


def class_loss(logits: Any, targets: Sequence[int], smoothing: float) -> Any:
    """Return the mean over samples of the cross-entropy.

    Args:
        logits: (N, C) float32 tensor.
        targets: N classes.
        smoothing: share of the target that is spread evenly over the classes.
    """
    import torch
    from torch.nn import functional

    scores = functional.log_softmax(logits, dim=-1)
    classes = torch.tensor(list(targets), device=logits.device)
    right = scores.gather(1, classes[:, None])
    return -(1 - smoothing) * right.mean() - smoothing * scores.mean()


def maps_loss(outputs: Any, targets: Map, smoothing: float) -> Any:
    """Return DBNet's loss of (N, 2, H, W) logits and (N, 4, H, W) target maps; maps have no labels to smooth."""
    import torch
    from torch.nn import functional

    return regions_loss(functional, outputs, torch.from_numpy(targets).to(outputs.device))


def softmax(logits: Any) -> Any:
    """Return the probabilities of the classes, which stand on the last axis."""
    from torch.nn import functional

    return functional.softmax(logits, dim=-1)
