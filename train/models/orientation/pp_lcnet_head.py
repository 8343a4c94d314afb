"""What stands behind PP-LCNet's encoder, in layers that both frameworks have; the published forward is no more."""

from typing import Any


def class_logits(layer: Any, features: Any) -> Any:
    """Return (N, classes) logits of the encoder's (N, C, H, W) features.

    The published network was trained with dropout that does not scale up what it leaves, and scales down at the end.
    """
    pooled = layer.act_fn(layer.last_convolution(layer.avg_pool(features)))
    return layer.head(layer.flatten(pooled * (1 - layer.hidden_dropout_prob)))
