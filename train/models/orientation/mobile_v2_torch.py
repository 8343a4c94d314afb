"""The network of ch_ppocr_mobile_v2.0_cls in torch."""

from typing import Any

from train.models.orientation.mobile_v2_network import Layers, assemble
from train.models.torch_network import TorchNetwork


def build(layer_class: str, settings: dict[str, Any], branched: bool) -> TorchNetwork:
    """Return the network with random weights.

    Args:
        layer_class: there is one.
        settings: what `assemble` takes.
        branched: no layer has branches.
    """
    from torch import nn

    def convolution(inputs: int, outputs: int, kernel: int, strides: Any, groups: int, bias: bool) -> Any:
        return nn.Conv2d(inputs, outputs, kernel, strides, kernel // 2, groups=groups, bias=bias)

    layers = Layers(
        convolution,
        nn.BatchNorm2d,
        nn.Linear,
        nn.MaxPool2d,
        nn.ModuleDict,
        nn.ModuleList,
        nn.functional,
    )
    return TorchNetwork(*assemble(layers, settings))
