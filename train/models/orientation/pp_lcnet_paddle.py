"""PP-LCNet in Paddle: the classifier that paddlex holds."""

from typing import Any

from train.models.network import Parts
from train.models.orientation.pp_lcnet_head import class_logits
from train.models.paddle_network import PaddleNetwork, published_layer


def build(layer_class: str, settings: dict[str, Any], branched: bool) -> PaddleNetwork:
    """Return the network with random weights.

    Args:
        layer_class: class in paddlex's modeling package.
        settings: what the class's configuration takes.
        branched: no layer has branches.
    """
    layer = published_layer("image_classification", layer_class, settings)
    return PaddleNetwork(layer, Parts(_backbone, class_logits))


def _backbone(layer: Any, images: Any) -> Any:
    """Return (N, C, H, W) features."""
    return layer.encoder(images)
