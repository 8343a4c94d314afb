"""The Engine contract: the one seam between the training loop and a framework."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

GROUPS = ("stem", "backbone.early", "backbone.late", "neck", "head")


@dataclass(frozen=True)
class Batch:
    """One training batch.

    Attributes:
        images: (N, 3, 48, W) float32 in [-1, 1].
        targets: N label class sequences.
    """

    images: npt.NDArray[np.float32]
    targets: Sequence[Sequence[int]]


class Engine(ABC):
    """A network, its optimiser and its framework, built for one TrialConfig."""

    @abstractmethod
    def apply_plan(self, plan: Mapping[str, float]) -> None:
        """Set each group's learning-rate multiplier; 0 freezes it: no gradient, no optimiser state."""

    @abstractmethod
    def train_step(self, batch: Batch, learning_rate: float) -> float:
        """Back-propagate one batch and, after `accumulate` of them, step; return the loss per line."""

    @abstractmethod
    def predict(self, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return (N, T, C) float32 probabilities for (N, 3, 48, W) float32 images."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return weights, optimiser state and random state as numpy arrays and plain values."""

    @abstractmethod
    def load(self, state: Mapping[str, Any]) -> None:
        """Continue bit for bit from what `state` returned."""

    @abstractmethod
    def export(self, directory: Path) -> None:
        """Write the inference graph (`inference.onnx` and the framework's own form) into `directory`."""
