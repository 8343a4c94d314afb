"""The Engine contract: the one seam between the training loop and a framework."""

import gc
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from train.config import TrialConfig
from train.data.charset import Charset
from train.errors import ModelError

T = TypeVar("T")
Images = npt.NDArray[np.float32]
GROUPS = ("stem", "backbone.early", "backbone.late", "neck", "head")
BACKBONE = GROUPS[:3]


@dataclass(frozen=True)
class Features:
    """What a network's backbone makes of images, in the place of the images.

    Attributes:
        values: (N, ...) float32.
    """

    values: Images

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Batch:
    """One worker's part of a training batch.

    Attributes:
        images: (N, 3, H, W) float32 as the task normalises them, in recognition (N, 3, 48, W) in [-1, 1]; or what
            `Engine.features` made of them.
        targets: what the task's objective takes, for N samples: sequences of classes in recognition, of code points in
            transcription, a class each in orientation.
        share: N over the mean N of all workers, so that averaged gradients weigh every line the same.
        teacher: (N, T, C) float32, what a teacher reads at the student's steps in the student's classes, softened
            by the temperature: each step sums to 1, or to 0 where the teacher has nothing to say; None without one.
        spans_px: (N,) how wide what each image shows was, padding included, before it was resampled; None where it was
            not.
    """

    images: Images | Features
    targets: Any
    share: float = 1.0
    teacher: Images | None = None
    spans_px: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class World:
    """This process among the workers that train one network."""

    rank: int = 0
    size: int = 1


class Engine(ABC):
    """A network, its optimiser and its framework, built for one TrialConfig.

    Attributes:
        packages: what must be importable for the engine to train.
        merges: whether `weights` are of the whole network, adapters merged; else they are the adapters alone.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    merges: ClassVar[bool] = True
    charset: Charset

    @abstractmethod
    def __init__(
        self, config: TrialConfig, charset: Charset, calibration: Images | None, world: World
    ) -> None:
        """Build the network with pretrained weights and a head for `charset`.

        Args:
            config: what to build.
            charset: the classes to read; rows of characters that the model knows are kept.
            calibration: (N, 3, H, W) typical images, to give fused batch norms their statistics; None
                where `load` will bring them.
            world: the workers that train together.

        Raises:
            ModelError: if framework, model or weights are missing.
        """

    @classmethod
    @abstractmethod
    def objectives(cls) -> tuple[str, ...]:
        """Return what it can train a network for: the objectives of tasks (`Task.objective`)."""

    @classmethod
    @abstractmethod
    def device(cls) -> str:
        """Return where this process computes, by the framework's name: `cpu`, `cuda:0`, `gpu:0`."""

    @classmethod
    def ran_out(cls, error: BaseException) -> bool:
        """Return whether an error of this framework says that there is not enough memory."""
        return isinstance(error, MemoryError)

    @classmethod
    def release(cls) -> None:
        """Give memory back that engines which are gone have left behind."""
        gc.collect()

    @abstractmethod
    def apply_plan(self, plan: Mapping[str, float]) -> None:
        """Set each group's learning-rate multiplier; 0 freezes it: no gradient, no optimiser state."""

    def begin_epoch(self, epoch: int) -> None:  # noqa: B027 - few draw anything
        """Seed what training steps draw, such as dropout, so that a resumed run draws alike."""

    @abstractmethod
    def train_step(self, batch: Batch, learning_rate: float, update: bool) -> float:
        """Back-propagate one batch, step if `update`, and return its mean loss per sample.

        Gradients are divided by `config.optimiser.accumulate`, and averaged over the workers at an update. A technique
        with a teacher needs `batch.teacher`.
        """

    @property
    def has_features(self) -> bool:
        """Whether `features` can be asked for: whether the network is cut where its backbone ends."""
        return False

    def features(self, images: Images) -> Features:
        """Return what the backbone makes of (N, 3, H, W) images, in float32 and with stored batch statistics.

        Training and prediction take it in the place of the images. It holds until the backbone learns.

        Raises:
            ModelError: if the network has no cut.
        """
        raise ModelError("a network must be cut behind its backbone", "no cut", "train it on images")

    @abstractmethod
    def predict(self, images: Images | Features) -> Images:
        """Return what the task decodes, in recognition (N, T, C) float32 probabilities.

        With `config.optimiser.ema`, `predict`, `weights` and `export` use the moving average of the weights.

        Args:
            images: (N, 3, H, W) float32, or their features.
        """

    def renew_statistics(self, batches: Iterable[Images]) -> None:  # noqa: B027 - only some have batch norms
        """Give live batch norms the statistics of these images, (N, 3, H, W) each, under the weights as they are.

        Weights that were averaged send other values through them than those that their statistics are of.
        """

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
        """Return `weights`, `optimiser`, `scaler` and `average`: mappings of names to numpy arrays.

        Names and shapes are those of `train/models/network.py`: another framework's engine loads them too.
        """

    @abstractmethod
    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned: bit for bit, if it was this framework's."""

    @property
    def forms(self) -> int:
        """How many times `export` writes the weights: for onnxruntime, and for PaddleOCR."""
        return 2

    @abstractmethod
    def export(self, directory: Path) -> dict[str, str]:
        """Write `inference.onnx` and PaddleOCR's form of the same graph into `directory`.

        Returns:
            which of a bundle's files could not be written, and why.
        """
