"""The head of DBNet (Liao et al., AAAI 2020): what paddlex's and transformers' heads compute, up to the logits.

Published heads hold the branch of the probability map alone. The threshold branch, which only the loss needs, is
built again as the layer `threshold` beside the head. Everything here is layers and methods that both frameworks have.
"""

from typing import Any

NEVER = 1e-7  # in place of a sum of probabilities of 0, which has no logarithm; float16 knows nothing smaller


def add_threshold(layer: Any) -> None:
    """Give a published detection network the threshold branch, untrained."""
    layer.threshold = type(_branch(layer.head))(layer.config)


def threshold_logits(layer: Any, features: Any) -> Any:
    """Return (N, 1, H, W) logits of the threshold map from the neck's (N, C, H/4, W/4) features."""
    return layer.threshold.conv_final(_doubled(layer.threshold, features))


def shrink_logits(layer: Any, features: Any) -> Any:
    """Return (N, 1, H, W) logits of the probability map from the neck's (N, C, H/4, W/4) features.

    PP-OCRv5 server's head refines the map and answers with the mean of two probabilities; the logit is that mean's.
    """
    branch = _branch(layer.head)
    doubled = _doubled(branch, features)
    logits = branch.conv_final(doubled)
    if branch is layer.head:
        return logits
    enlarged = layer.head.upsample_convolution(doubled)
    refined = layer.head.local_refinement_module(enlarged, logits.sigmoid())
    likely = logits.sigmoid() + refined.sigmoid()
    unlikely = (-logits).sigmoid() + (-refined).sigmoid()
    return likely.clip(min=NEVER).log() - unlikely.clip(min=NEVER).log()


def _branch(head: Any) -> Any:
    """Return the convolutions from the neck to the map: the head itself, or a part of a head that refines."""
    return getattr(head, "binarize_head", head)


def _doubled(branch: Any, features: Any) -> Any:
    """Return (N, C/4, H/2, W/2) features."""
    return branch.conv_up(branch.conv_down(features))
