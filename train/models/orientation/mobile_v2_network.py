"""MobileNetV3 (Howard et al., 2019) as ch_ppocr_mobile_v2.0_cls has it, of layers that both frameworks have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from train.models.network import Parts

COLOURS, CLASSES = 3, 2
SQUEEZE = 4
"""By how much the weighing of channels narrows them."""
SLOPE, OFFSET = 0.2, 0.5
"""Of its hard sigmoid: torch knows another slope alone."""
LOWERED = (2, 1)
"""Strides of a block that halves the height, and keeps the width."""


class Block(NamedTuple):
    """One inverted residual: channels are widened, looked at one by one, weighed, and narrowed.

    Attributes:
        kernel: side of the look.
        wide: channels in between.
        outputs: channels behind it.
        lowers: whether the height is halved.
        weighs: whether channels are weighed (squeeze and excitation).
        activation: `relu` or `hardswish`.
    """

    kernel: int
    wide: int
    outputs: int
    lowers: bool
    weighs: bool
    activation: str


@dataclass(frozen=True)
class Layers:
    """A framework's constructors, and its functions.

    Attributes:
        convolution: (inputs, outputs, kernel, strides, groups, has a bias).
        norm: (channels).
        linear: (inputs, outputs).
        pool: (side and strides).
        named: ({name: layer}).
        listed: ([layer]).
        functional: module with `relu` and `hardswish`.
    """

    convolution: Callable[[int, int, int, Any, int, bool], Any]
    norm: Callable[[int], Any]
    linear: Callable[[int, int], Any]
    pool: Callable[[int], Any]
    named: Callable[[dict[str, Any]], Any]
    listed: Callable[[list[Any]], Any]
    functional: Any


def assemble(layers: Layers, settings: Mapping[str, Any]) -> tuple[Any, Parts]:
    """Return the framework's layer, with random weights, and how to run it.

    Args:
        layers: of the framework.
        settings: `stem` and `last`, channels behind the first and the last convolution, and `blocks`.
    """
    blocks: Sequence[Block] = settings["blocks"]
    widths = [settings["stem"], *(block.outputs for block in blocks)]
    layer = layers.named(
        {
            "stem": _unit(layers, COLOURS, settings["stem"], 3, 2),
            "blocks": layers.listed([_block(layers, *each) for each in zip(widths, blocks, strict=False)]),
            "last": _unit(layers, widths[-1], settings["last"]),
            "pool": layers.pool(2),
            "head": layers.linear(settings["last"], CLASSES),
        }
    )
    adds = [
        not block.lowers and inputs == outputs
        for block, (inputs, outputs) in zip(blocks, pairwise(widths), strict=True)
    ]
    return layer, _parts(layers.functional, blocks, adds)


def _unit(
    layers: Layers, inputs: int, outputs: int, kernel: int = 1, strides: Any = 1, groups: int = 1
) -> Any:
    return layers.named(
        {
            "conv": layers.convolution(inputs, outputs, kernel, strides, groups, False),
            "norm": layers.norm(outputs),
        }
    )


def _block(layers: Layers, inputs: int, block: Block) -> Any:
    narrow = block.wide // SQUEEZE
    weighing = {
        "reduce": layers.convolution(block.wide, narrow, 1, 1, 1, True),
        "enlarge": layers.convolution(narrow, block.wide, 1, 1, 1, True),
    }
    strides = LOWERED if block.lowers else 1
    return layers.named(
        {
            "widen": _unit(layers, inputs, block.wide),
            "look": _unit(layers, block.wide, block.wide, block.kernel, strides, block.wide),
            **(weighing if block.weighs else {}),
            "narrow": _unit(layers, block.wide, block.outputs),
        }
    )


def _parts(functional: Any, blocks: Sequence[Block], adds: Sequence[bool]) -> Parts:
    def backbone(layer: Any, images: Any) -> Any:
        """Return (N, C, H / 24, W / 2) features of (N, 3, H, W) images."""
        features = functional.hardswish(_normalised(layer["stem"], images))
        for block, part, added in zip(blocks, layer["blocks"], adds, strict=True):
            found = _run_block(functional, block, part, features)
            features = features + found if added else found
        return features

    def rest(layer: Any, features: Any) -> Any:
        """Return (N, 2) logits."""
        last = functional.hardswish(_normalised(layer["last"], features))
        return layer["head"](layer["pool"](last).mean((2, 3)))

    return Parts(backbone, rest)


def _run_block(functional: Any, block: Block, layer: Any, features: Any) -> Any:
    activation = getattr(functional, block.activation)
    looked = activation(_normalised(layer["look"], activation(_normalised(layer["widen"], features))))
    if block.weighs:
        narrow = functional.relu(layer["reduce"](looked.mean((2, 3), keepdim=True)))
        looked = looked * (SLOPE * layer["enlarge"](narrow) + OFFSET).clip(0.0, 1.0)
    return _normalised(layer["narrow"], looked)


def _normalised(unit: Any, features: Any) -> Any:
    return unit["norm"](unit["conv"](features))
