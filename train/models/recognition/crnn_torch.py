"""CRNN in torch."""

from collections import OrderedDict
from itertools import pairwise
from typing import Any

from train.data.images import HEIGHT_PX
from train.models.torch_network import TorchNetwork

CHANNELS = (3, 64, 128, 256)
HIDDEN, LAYERS = 256, 2


def build(classes: int) -> TorchNetwork:
    """Return the network with random weights, drawn from torch's own generator.

    Each block halves height and width, so that an output step is 8 px wide.
    """
    from torch import nn

    blocks = nn.Sequential(*(_block(*pair) for pair in pairwise(CHANNELS)))
    height = HEIGHT_PX >> len(blocks)
    neck = nn.LSTM(CHANNELS[-1] * height, HIDDEN, LAYERS, batch_first=True, bidirectional=True)
    parts = {
        "model": nn.Sequential(OrderedDict(blocks=blocks)),
        "neck": neck,
        "head": nn.Linear(2 * HIDDEN, classes),
    }
    return TorchNetwork(nn.ModuleDict(parts), _logits)


def _block(inputs: int, outputs: int) -> Any:
    from torch import nn

    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    layers = OrderedDict(
        convolution=convolution, normalization=nn.BatchNorm2d(outputs), relu=nn.ReLU(), pool=nn.MaxPool2d(2)
    )
    return nn.Sequential(layers)


def _logits(layer: Any, images: Any) -> Any:
    """Return (N, W / 8, C) for (N, 3, 48, W)."""
    features = layer.model(images)
    columns = features.permute(0, 3, 1, 2).flatten(2)  # (N, W / 8, channels * height)
    return layer.head(_read_along(layer.neck, columns))


def _read_along(lstm: Any, columns: Any) -> Any:
    """Return (N, T, 2 * HIDDEN) for (N, T, D): what the recurrent layers make of the columns, in both directions.

    The exporter would make a loop over single steps of torch's operator, so it gets ONNX's own.
    """
    import torch

    if not torch.onnx.is_in_onnx_export():
        return lstm(columns)[0]
    steps = columns.transpose(0, 1)
    for layer in range(lstm.num_layers):
        shape = (steps.shape[0], 2, steps.shape[1], HIDDEN)
        both = torch.onnx.ops.symbolic(
            "LSTM",
            (steps, *_onnx_weights(lstm, layer)),
            {"hidden_size": HIDDEN, "direction": "bidirectional"},
            dtype=steps.dtype,
            shape=shape,
        )
        steps = both.transpose(1, 2).flatten(2)
    return steps.transpose(0, 1)


def _onnx_weights(lstm: Any, layer: int) -> list[Any]:
    """Return W (2, 4H, D), R (2, 4H, H) and B (2, 8H) of a layer, with the gates in ONNX's order."""
    import torch

    def gates(kind: str, suffix: str) -> Any:
        input_gate, forget, cell, output = getattr(lstm, f"{kind}_l{layer}{suffix}").chunk(4)
        return torch.cat([input_gate, output, forget, cell])

    directions = ("", "_reverse")
    w, r = (torch.stack([gates(kind, d) for d in directions]) for kind in ("weight_ih", "weight_hh"))
    biases = [torch.cat([gates("bias_ih", d), gates("bias_hh", d)]) for d in directions]
    return [w, r, torch.stack(biases)]
