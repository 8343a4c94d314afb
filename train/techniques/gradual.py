"""Gradual unfreezing: the head first, the whole network last (Howard and Ruder, ULMFiT, 2018)."""

from typing import ClassVar

from pydantic import Field

from train import config
from train.techniques import TECHNIQUES, Technique, uniform


class Options(config.Frozen):
    """When each group starts to learn, as a share of the run: a run stopped early has still seen some."""

    neck: float = Field(0.1, ge=0, lt=1)
    backbone_late: float = Field(0.3, ge=0, lt=1)
    all: float = Field(0.5, ge=0, lt=1)


@TECHNIQUES.register("gradual")
class Gradual(Technique):
    """Head, then neck, then the late backbone, then everything."""

    options_class: ClassVar[type[config.Frozen]] = Options
    options: Options

    def plan(self, progress: float) -> dict[str, float]:
        """Return 1 for every group whose time has come."""
        plan = uniform(0.0 if progress < self.options.all else 1.0) | {"head": 1.0}
        if progress >= self.options.neck:
            plan["neck"] = 1.0
        if progress >= self.options.backbone_late:
            plan["backbone.late"] = 1.0
        return plan
