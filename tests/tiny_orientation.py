"""A small network that tells which lines stand on their heads, in both frameworks: the seam's proof, no product.

`register` makes it known to a process: a test's own, or each of Ray's workers (`worker_process_setup_hook`).
"""

from collections import OrderedDict
from pathlib import Path
from typing import Any, ClassVar

from train.data.charset import Charset
from train.models import MODELS, InputSize, Model
from train.models.network import Network, Parts
from train.models.paddle_network import PaddleNetwork
from train.models.torch_network import TorchNetwork

NAME = "tiny-orientation"
CHANNELS = {"stem": (3, 16), "early": (16, 32), "late": (32, 64), "neck": (64, 64)}
GROUPS = {"early": "backbone.early", "late": "backbone.late"}


class TinyOrientation(Model):
    """Four strided convolutions and a linear head."""

    task: ClassVar[str] = "orientation"
    input: ClassVar[InputSize] = InputSize(80, 160, (80, 160))
    head = "head"

    def charset(self, weights: Path | None) -> Charset:
        return Charset(())

    def frameworks(self) -> tuple[str, ...]:
        return ("paddle", "torch")

    def network(self, framework: str, weights: Path | None) -> Network:
        return {"paddle": paddle_network, "torch": torch_network}[framework]()

    def group(self, name: str) -> str:
        part = name.split(".", maxsplit=1)[0]
        return GROUPS.get(part, part)

    def pretrained(self, weights: Path | None) -> bool:
        return False


def register() -> None:
    """Make the model known; once is enough."""
    if NAME not in MODELS.names():
        MODELS.register(NAME)(TinyOrientation())


def _backbone(layer: Any, images: Any) -> Any:
    return layer["late"](layer["early"](layer["stem"](images)))


def torch_network() -> TorchNetwork:
    from torch import nn

    def block(inputs: int, outputs: int) -> Any:
        convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        return nn.Sequential(OrderedDict(conv=convolution, norm=nn.BatchNorm2d(outputs), relu=nn.ReLU()))

    parts = {name: block(*sides) for name, sides in CHANNELS.items()}
    layer = nn.ModuleDict({**parts, "head": nn.Linear(64 * 5 * 10, 2)})
    return TorchNetwork(layer, Parts(_backbone, lambda net, x: net["head"](net["neck"](x).flatten(1))))


def paddle_network() -> PaddleNetwork:
    from paddle import nn

    def block(inputs: int, outputs: int) -> Any:
        convolution = nn.Conv2D(inputs, outputs, 3, stride=2, padding=1, bias_attr=False)
        return nn.Sequential(("conv", convolution), ("norm", nn.BatchNorm2D(outputs)), ("relu", nn.ReLU()))

    parts = {name: block(*sides) for name, sides in CHANNELS.items()}
    layer = nn.LayerDict({**parts, "head": nn.Linear(64 * 5 * 10, 2)})
    return PaddleNetwork(layer, Parts(_backbone, lambda net, x: net["head"](net["neck"](x).flatten(1))))
