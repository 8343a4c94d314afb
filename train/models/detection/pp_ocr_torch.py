"""PP-OCR detection in torch: the same networks, as transformers holds them."""

from typing import Any

from train.models.detection.db_head import add_threshold, shrink_logits, threshold_logits
from train.models.torch_network import TorchNetwork, published_layer
from train.models.weights.reparametrise import keep_one_branch


def build(layer_class: str, settings: dict[str, Any], branched: bool) -> TorchNetwork:
    """Return the network with random weights.

    Args:
        layer_class: paddlex's name of the class, which transformers' begins with.
        settings: what the class's configuration takes, in paddlex and here.
        branched: leave out parallel branches: their sum takes their place.
    """
    layer = published_layer("ForObjectDetection", layer_class, settings)
    if branched:
        keep_one_branch(layer.modules())
    add_threshold(layer)
    return TorchNetwork(layer, _logits, _training_logits)


def _logits(layer: Any, images: Any) -> Any:
    """Return (N, 1, H, W) logits of the probability map."""
    return shrink_logits(layer, _features(layer, images))


def _training_logits(layer: Any, images: Any) -> Any:
    """Return (N, 2, H, W) logits of the probability and the threshold map."""
    import torch

    features = _features(layer, images)
    return torch.cat([shrink_logits(layer, features), threshold_logits(layer, features)], dim=1)


def _features(layer: Any, images: Any) -> Any:
    return layer.model(images).last_hidden_state
