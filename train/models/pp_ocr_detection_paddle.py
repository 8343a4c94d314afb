"""PP-OCR detection in Paddle: the trainable networks that paddlex holds, with the threshold branch of the loss."""

import importlib
from typing import Any

from train.models.db_head import BLANK_SHAPE, add_threshold, shrink_logits, threshold_logits
from train.models.paddle_network import PaddleNetwork
from train.models.reparametrise import keep_one_branch

MODELING = "paddlex.inference.models.text_detection.modeling"


def build(layer_class: str, settings: dict[str, Any], branched: bool) -> PaddleNetwork:
    """Return the network with random weights.

    Args:
        layer_class: class in paddlex's modeling package.
        settings: what the class's configuration takes.
        branched: parallel branches are to be left out, as their sum takes their place.
    """
    published = getattr(importlib.import_module(MODELING), layer_class)
    layer = published(published.config_class(**settings))
    if branched:
        keep_one_branch(layer.sublayers())
    add_threshold(layer)
    return PaddleNetwork(layer, _logits, _training_logits, BLANK_SHAPE)


def _logits(layer: Any, images: Any) -> Any:
    """Return (N, 1, H, W) logits of the probability map."""
    return shrink_logits(layer, layer.model(images))


def _training_logits(layer: Any, images: Any) -> Any:
    """Return (N, 2, H, W) logits of the probability and the threshold map."""
    import paddle

    features = layer.model(images)
    return paddle.concat([shrink_logits(layer, features), threshold_logits(layer, features)], axis=1)
