"""A recogniser of some thousand weights: a seam's proof, which reads next to nothing. In torch alone.

`register` makes it known to a process, as `tests/tiny_orientation.py` does.
"""

from pathlib import Path
from typing import Any

from train.data.charset import Charset
from train.models import MODELS, Model
from train.models.network import Network
from train.models.torch_network import TorchNetwork

NAME = "tiny-recogniser"
GROUPS = {"first": "stem", "second": "backbone.early", "third": "backbone.late"}


class TinyRecogniser(Model):
    """Three strided convolutions, the mean over the height, a linear head."""

    head = "head"

    def charset(self, weights: Path | None) -> Charset:
        return Charset(())

    def frameworks(self) -> tuple[str, ...]:
        return ("torch",)

    def network(self, framework: str, weights: Path | None) -> Network:
        from torch import nn

        def block(inputs: int, outputs: int) -> Any:
            convolution = nn.Conv2d(inputs, outputs, 5, stride=2, padding=2, bias=False)
            return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

        parts = {"first": block(3, 8), "second": block(8, 16), "third": block(16, 24)}
        return TorchNetwork(nn.ModuleDict({**parts, "head": nn.Linear(24 * 6, 1)}), _logits)

    def group(self, name: str) -> str:
        part = name.split(".", maxsplit=1)[0]
        return GROUPS.get(part, part)

    def pretrained(self, weights: Path | None) -> bool:
        return False


def _logits(layer: Any, images: Any) -> Any:
    """Return (N, W / 8, C) for (N, 3, 48, W)."""
    features = layer["third"](layer["second"](layer["first"](images)))
    return layer["head"](features.permute(0, 3, 1, 2).flatten(2))


def register() -> None:
    """Make the model known; once is enough."""
    if NAME not in MODELS.names():
        MODELS.register(NAME)(TinyRecogniser())
