"""LoRA: every weight stays, a low-rank change of it learns (Hu et al., 2022)."""

from typing import ClassVar

from pydantic import Field

from train import config
from train.engine import GROUPS
from train.techniques import TECHNIQUES, Technique, uniform


class Options(config.Frozen):
    """The adapters' size and place.

    Attributes:
        rank: of each change; a smaller matrix or kernel takes its own.
        alpha: the change counts alpha / rank times.
        groups: layer groups that have adapters, counted from the output side; 5 for all.
    """

    rank: int = Field(8, ge=1, le=256)
    alpha: float = Field(16.0, gt=0)
    groups: int = Field(len(GROUPS), ge=1, le=len(GROUPS))


@TECHNIQUES.register("lora")
class Lora(Technique):
    """Adapters on linear and convolution layers; biases and batch norms stay as they are."""

    options_class: ClassVar[type[config.Frozen]] = Options
    options: Options

    def plan(self, progress: float) -> dict[str, float]:
        """Return 1 for the groups with adapters, 0 for the rest."""
        return uniform(0.0) | dict.fromkeys(GROUPS[-self.options.groups :], 1.0)

    @property
    def adapters(self) -> config.AdapterSettings:
        """What the engine is to add to the network."""
        return config.AdapterSettings(rank=self.options.rank, alpha=self.options.alpha)
