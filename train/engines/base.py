"""The Engine contract: the one seam between the training loop and a framework."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from train.config import TrialConfig
from train.data.charset import Charset

T = TypeVar("T")
Images = npt.NDArray[np.float32]
GROUPS = ("stem", "backbone.early", "backbone.late", "neck", "head")


@dataclass(frozen=True)
class Batch:
    """One worker's part of a training batch.

    Attributes:
        images: (N, 3, 48, W) float32 in [-1, 1].
        targets: N sequences: of classes in recognition, of code points in transcription.
        share: N over the mean N of all workers, so that averaged gradients weigh every line the same.
    """

    images: Images
    targets: Sequence[Sequence[int]]
    share: float = 1.0


@dataclass(frozen=True)
class World:
    """This process among the workers that train one network."""

    rank: int = 0
    size: int = 1


class Engine(ABC):
    """A network, its optimiser and its framework, built for one TrialConfig.

    Attributes:
        packages: what must be importable for the engine to train.
        tasks: whose batches it learns from and whose outputs it gives.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    tasks: ClassVar[tuple[str, ...]] = ("recognition",)
    charset: Charset

    @abstractmethod
    def __init__(
        self, config: TrialConfig, charset: Charset, calibration: Images | None, world: World
    ) -> None:
        """Build the network with pretrained weights and a head for `charset`.

        Args:
            config: what to build.
            charset: the classes to read; rows of characters that the model knows are kept.
            calibration: (N, 3, 48, W) typical images, to give fused batch norms their statistics; None
                where `load` will bring them.
            world: the workers that train together.

        Raises:
            ModelError: if framework, model or weights are missing.
        """

    @classmethod
    @abstractmethod
    def device(cls) -> str:
        """Return where this process computes, by the framework's name: `cpu`, `cuda:0`, `gpu:0`."""

    @abstractmethod
    def apply_plan(self, plan: Mapping[str, float]) -> None:
        """Set each group's learning-rate multiplier; 0 freezes it: no gradient, no optimiser state."""

    @abstractmethod
    def train_step(self, batch: Batch, learning_rate: float, update: bool) -> float:
        """Back-propagate one batch, step if `update`, and return its mean loss per line.

        Gradients are divided by `config.optimiser.accumulate`, and averaged over the workers at an update.
        """

    @abstractmethod
    def predict(self, images: Images) -> Images:
        """Return what the task decodes, in recognition (N, T, C) float32 probabilities, for (N, 3, 48, W) images."""

    @abstractmethod
    def weights(self) -> dict[str, Any]:
        """Return copies of parameters and batch statistics by shared name."""

    @abstractmethod
    def gather(self, items: Sequence[T]) -> list[T]:
        """Return the items of all workers, in order of rank."""

    @abstractmethod
    def synchronise(self) -> None:
        """Average over the workers what gradients do not carry (batch statistics)."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return `weights`, `optimiser` and `scaler`: mappings of names to numpy arrays.

        Names and shapes are those of `train/models/network.py`: another framework's engine loads them too.
        """

    @abstractmethod
    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned: bit for bit, if it was this framework's."""

    @abstractmethod
    def export(self, directory: Path) -> dict[str, str]:
        """Write `inference.onnx` and PaddleOCR's form of the same graph into `directory`.

        Returns:
            which of a bundle's files could not be written, and why.
        """
