"""Discriminative fine-tuning: the nearer to the input, the slower (Howard and Ruder, ULMFiT, 2018)."""

from typing import ClassVar

from pydantic import Field

from train import config
from train.techniques import TECHNIQUES, Technique


class Options(config.Frozen):
    """Learning-rate multipliers by layer group, each in [0, 1]."""

    stem: float = Field(0.01, ge=0, le=1)
    backbone_early: float = Field(0.1, ge=0, le=1)
    backbone_late: float = Field(0.1, ge=0, le=1)
    neck: float = Field(0.5, ge=0, le=1)
    head: float = Field(1.0, gt=0, le=1)


@TECHNIQUES.register("discriminative")
class Discriminative(Technique):
    """Every group learns at its own fixed share of the rate."""

    options_class: ClassVar[type[config.Frozen]] = Options
    options: Options

    def plan(self, progress: float) -> dict[str, float]:
        """Return the configured multipliers."""
        return {
            "stem": self.options.stem,
            "backbone.early": self.options.backbone_early,
            "backbone.late": self.options.backbone_late,
            "neck": self.options.neck,
            "head": self.options.head,
        }
