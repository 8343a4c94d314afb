"""The network of ch_ppocr_mobile_v2.0_cls in Paddle."""

from typing import Any

from train.models.orientation.mobile_v2_network import Layers, assemble
from train.models.paddle_network import PaddleNetwork, load_paddle


def build(layer_class: str, settings: dict[str, Any], branched: bool) -> PaddleNetwork:
    """Return the network with random weights.

    Args:
        layer_class: there is one.
        settings: what `assemble` takes.
        branched: no layer has branches.
    """
    nn = load_paddle().nn

    def convolution(inputs: int, outputs: int, kernel: int, strides: Any, groups: int, bias: bool) -> Any:
        wanted = None if bias else False
        return nn.Conv2D(inputs, outputs, kernel, strides, kernel // 2, groups=groups, bias_attr=wanted)

    layers = Layers(
        convolution,
        nn.BatchNorm2D,
        nn.Linear,
        nn.MaxPool2D,
        nn.LayerDict,
        nn.LayerList,
        nn.functional,
    )
    return PaddleNetwork(*assemble(layers, settings))
