"""PP-OCR recognition in torch: the same networks, as transformers holds them."""

from typing import Any

from train.models.network import Parts
from train.models.recognition.softmax import without_softmax
from train.models.torch_network import TorchNetwork, published_layer
from train.models.weights.reparametrise import keep_one_branch


def build(layer_class: str, settings: dict[str, Any], branched: bool) -> TorchNetwork:
    """Return the network with random weights.

    Args:
        layer_class: paddlex's name of the class, which transformers' begins with.
        settings: what the class's configuration takes, in paddlex and here.
        branched: leave out parallel branches: their sum takes their place.
    """
    layer = published_layer("ForTextRecognition", layer_class, settings)
    if branched:
        keep_one_branch(layer.modules())
    without_softmax(layer.head)
    return TorchNetwork(layer, Parts(_backbone, _rest))


def _backbone(layer: Any, images: Any) -> Any:
    """Return (N, C, 1, T) features."""
    return layer.model(images).last_hidden_state


def _rest(layer: Any, features: Any) -> Any:
    """Return (N, T, classes) logits; some of the published heads wrap them."""
    logits = layer.head(features)
    return getattr(logits, "last_hidden_state", logits)
