"""Distillation: a small model learns from the labels and from what a better one reads (Hinton et al., 2015)."""

from typing import ClassVar

from pydantic import Field

from train import config
from train.engine import GROUPS
from train.techniques import TECHNIQUES, Technique, uniform


class Options(config.DistillationSettings):
    """Who teaches, how much that counts, and what learns.

    Attributes:
        groups: layer groups of the student that learn, counted from the output side; 5 for all.
    """

    groups: int = Field(len(GROUPS), ge=1, le=len(GROUPS))


@TECHNIQUES.register("distill")
class Distill(Technique):
    """Labels and teacher at a fixed mixture over the whole run."""

    options_class: ClassVar[type[config.Frozen]] = Options
    options: Options

    def plan(self, progress: float) -> dict[str, float]:
        """Return 1 for the groups that learn, 0 for the rest."""
        return uniform(0.0) | dict.fromkeys(GROUPS[-self.options.groups :], 1.0)

    @property
    def distillation(self) -> config.DistillationSettings:
        """The options are the settings, and more."""
        return self.options
