"""Fine-tuning techniques: plans over layer groups, one file each."""

from abc import ABC, abstractmethod
from typing import ClassVar

from train.config import AdapterSettings, DistillationSettings, Frozen, TechniqueConfig, config_error
from train.engine import GROUPS
from train.system.registry import Registry


class Technique(ABC):
    """What learns when, and how fast."""

    class Options(Frozen):
        """What the technique takes under `technique.options`."""

    options_class: ClassVar[type[Frozen]] = Options

    def __init__(self, options: Frozen) -> None:
        self.options = options

    @abstractmethod
    def plan(self, progress: float) -> dict[str, float]:
        """Return every group's learning-rate multiplier at `progress` in [0, 1) of the run; 0 is frozen."""

    @property
    def adapters(self) -> AdapterSettings | None:
        """The adapters that learn instead of the weights themselves; None for none."""
        return None

    @property
    def distillation(self) -> DistillationSettings | None:
        """The teacher whose readings count beside the labels; None for the labels alone."""
        return None


TECHNIQUES: Registry[type[Technique]] = Registry("technique", __name__)


def build_technique(config: TechniqueConfig) -> Technique:
    """Return the technique a configuration names; raise UsageError for options it does not take."""
    technique = TECHNIQUES.get(config.name)
    with config_error(f"technique {config.name}"):
        return technique(technique.options_class.model_validate(config.options))


def uniform(value: float) -> dict[str, float]:
    """Return the plan that gives every group the same multiplier."""
    return dict.fromkeys(GROUPS, value)
