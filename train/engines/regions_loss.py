"""The loss of DBNet (Liao et al., AAAI 2020), of any framework's tensors.

Balanced cross-entropy of the probability map, Dice loss of the approximate binary map and L1 of the threshold map,
weighted 5 : 1 : 10 as in the authors' `L1BalanceCELoss`. PaddleOCR's `DBLoss` has the same weights, and Dice for the
probability map, too.
"""

from typing import Any

from train.data.photos.targets import RegionTargets

SHRINK_WEIGHT, THRESHOLD_WEIGHT = 5.0, 10.0
STEEPNESS = 50.0
"""The paper's k: the binary map is sigmoid(k (probability - threshold))."""
NEGATIVE_RATIO = 3
"""The hardest pixels without text that count, for each one with text."""
NEGATIVES_WITHOUT_TEXT = 100
"""As many pixels count in a batch without any text, which would teach nothing otherwise; so does mmocr's TextSnake."""
NEVER = 1e-6


def probabilities(logits: Any) -> Any:
    """Return the probability map of its logits."""
    return logits.sigmoid()


def regions_loss(functional: Any, outputs: Any, targets: Any) -> Any:
    """Return the loss of a batch, a scalar.

    Args:
        functional: the framework's `nn.functional`.
        outputs: (N, 2, H, W) float32 logits of the probability and the threshold map.
        targets: (N, 4, H, W) float32 tensor, the maps of RegionTargets in their order.
    """
    shrink, threshold = outputs[:, 0], outputs[:, 1].sigmoid()
    text, counted, edges, near = (targets[:, place] for place in range(len(RegionTargets._fields)))
    binary = (STEEPNESS * (shrink.sigmoid() - threshold)).sigmoid()
    return (
        SHRINK_WEIGHT * balanced_cross_entropy(functional, shrink, text, counted)
        + dice(binary, text, counted)
        + THRESHOLD_WEIGHT * masked_l1(threshold, edges, near)
    )


def balanced_cross_entropy(functional: Any, logits: Any, text: Any, counted: Any) -> Any:
    """Return the mean cross-entropy of all pixels with text and the hardest of those without.

    Args:
        functional: the framework's `nn.functional`.
        logits: (N, H, W) float32.
        text: (N, H, W), 1 where there is text, else 0.
        counted: (N, H, W), 0 where nothing counts, else 1.
    """
    losses = functional.binary_cross_entropy_with_logits(logits, text, reduction="none")
    positive, negative = text * counted, (1 - text) * counted
    positives = int(positive.sum())
    wanted = positives * NEGATIVE_RATIO if positives else NEGATIVES_WITHOUT_TEXT
    negatives = min(int(negative.sum()), wanted)
    hardest = (losses * negative).flatten().topk(max(negatives, 1), sorted=False)[0]  # Paddle takes no 0
    return ((losses * positive).sum() + hardest.sum()) / max(positives + negatives, 1)


def dice(values: Any, text: Any, counted: Any) -> Any:
    """Return 1 - 2 |A and B| / (|A| + |B|) of two (N, H, W) maps in [0, 1], where `counted` is 1."""
    common = (values * text * counted).sum()
    return 1 - 2 * common / ((values * counted).sum() + (text * counted).sum() + NEVER)


def masked_l1(values: Any, wanted: Any, mask: Any) -> Any:
    """Return the mean absolute difference of two (N, H, W) maps where `mask` is 1; 0 where it is nowhere."""
    return ((values - wanted).abs() * mask).sum() / (mask.sum() + NEVER)
