"""PP-LCNet in torch: the same classifier, as transformers holds it."""

from typing import Any

from train.models.network import Parts
from train.models.orientation.pp_lcnet_head import class_logits
from train.models.torch_network import TorchNetwork, published_layer


def build(layer_class: str, settings: dict[str, Any], branched: bool) -> TorchNetwork:
    """Return the network with random weights.

    Args:
        layer_class: paddlex's name of the class, which transformers' begins with.
        settings: what the class's configuration takes, in paddlex and here.
        branched: no layer has branches.
    """
    return TorchNetwork(
        published_layer("ForImageClassification", layer_class, settings), Parts(_backbone, class_logits)
    )


def _backbone(layer: Any, images: Any) -> Any:
    """Return (N, C, H, W) features."""
    return layer.encoder(images).last_hidden_state
