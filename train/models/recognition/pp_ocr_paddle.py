"""PP-OCR recognition in Paddle: the trainable networks that paddlex holds."""

from typing import Any

from train.models.network import Parts
from train.models.paddle_network import PaddleNetwork, published_layer
from train.models.recognition.softmax import without_softmax
from train.models.weights.reparametrise import keep_one_branch


def build(layer_class: str, settings: dict[str, Any], branched: bool) -> PaddleNetwork:
    """Return the network with random weights.

    Args:
        layer_class: class in paddlex's modeling package.
        settings: what the class's configuration takes.
        branched: leave out parallel branches: their sum takes their place.
    """
    layer = published_layer("text_recognition", layer_class, settings)
    if branched:
        keep_one_branch(layer.sublayers())
    without_softmax(layer.head)
    return PaddleNetwork(layer, Parts(_backbone, _rest))


def _backbone(layer: Any, images: Any) -> Any:
    """Return (N, C, 1, T) features."""
    return layer.model(images)


def _rest(layer: Any, features: Any) -> Any:
    """Return (N, T, classes) logits."""
    return layer.head(features)
