"""What networks are trained for: for each framework, the loss of raw outputs and what a task decodes of them.

A module registers, under the name that tasks know (`Task.objective`), one Objective for each framework.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from train.system.registry import Registry


@dataclass(frozen=True)
class Objective:
    """One framework's side of an objective; tensors are the framework's.

    Attributes:
        loss: (a training network's raw outputs in float32, `Batch.targets`, label smoothing) -> the mean over
            the samples of each one's loss, a scalar tensor; a line's is the sum over its steps.
        read: an evaluating network's raw outputs in float32 -> what the task decodes and an exported graph gives,
            one tensor (N, ...).
    """

    loss: Callable[[Any, Any, float], Any]
    read: Callable[[Any], Any]


OBJECTIVES: Registry[Mapping[str, Objective]] = Registry("objective", __name__)


def map_tensors(outputs: Any, change: Callable[[Any], Any]) -> Any:
    """Return raw outputs - a tensor, or a tuple, list or mapping of some - with every tensor changed."""
    if isinstance(outputs, Mapping):
        return {name: map_tensors(part, change) for name, part in outputs.items()}
    if isinstance(outputs, tuple | list):
        return tuple(map_tensors(part, change) for part in outputs)
    return change(outputs)
