"""What a label means: targets, decoding and score; one file each."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from train.config import TrialConfig
from train.data.batches import Indices
from train.data.charset import Charset
from train.data.dataset import Dataset
from train.engines.base import Batch, Features, Images
from train.metrics import Scores
from train.registry import Registry


class PlainBatches(Protocol):
    """What training batches hold where nothing is augmented: for a task whose batches can be cached."""

    def needed_widths(self, data: Dataset) -> npt.NDArray[np.int64]:
        """Return the pixels that each sample needs, (N,); a batch is padded to the bucket of its widest."""

    def targets(self, data: Dataset, indices: Indices) -> list[list[int]]:
        """Return the samples' encoded labels."""

    def plain_images(self, data: Dataset, indices: Indices, width_px: int) -> Images:
        """Return the samples as a training batch of this padded width holds them."""

    def evaluation_batch(self, data: Dataset, indices: Indices, width_px: int) -> Images:
        """Return the samples as an evaluation batch of this padded width holds them."""


class Task(ABC):
    """One kind of label; knows no framework."""

    @abstractmethod
    def __init__(self, config: TrialConfig, charset: Charset) -> None:
        """Take what decides encoding and augmentation."""

    @abstractmethod
    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Return the augmented training batch of these samples; the same for the same seed and epoch."""

    @abstractmethod
    def evaluation_batch(self, data: Dataset, indices: Indices, width_px: int) -> Images | Features:
        """Return the samples as they are, padded to a bucket width; or the backbone's features of them."""

    @property
    def plain(self) -> PlainBatches | None:
        """The task's batches without augmentation; None if it has no such thing."""
        return None

    @abstractmethod
    def decode(self, output: Images) -> list[Any]:
        """Return one prediction a sample from an engine's output."""

    def losses(self, output: Images, data: Dataset, indices: Indices) -> npt.NDArray[np.float64]:
        """Return the loss of each sample, (N,), from an engine's output; infinite where it tells none."""
        return np.full(len(indices), np.inf)

    @abstractmethod
    def score(self, predictions: Sequence[Any], data: Dataset) -> Scores:
        """Compare predictions with the labels, in dataset order."""


class WrappedTask(Task):
    """Another task, of which a subclass changes something."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Return the other task's."""
        return self._task.batch(data, indices, epoch)

    def evaluation_batch(self, data: Dataset, indices: Indices, width_px: int) -> Images | Features:
        """Return the other task's."""
        return self._task.evaluation_batch(data, indices, width_px)

    def decode(self, output: Images) -> list[Any]:
        """Decode as the other task does."""
        return self._task.decode(output)

    def losses(self, output: Images, data: Dataset, indices: Indices) -> npt.NDArray[np.float64]:
        """Return the labels' losses as the other task does."""
        return self._task.losses(output, data, indices)

    def score(self, predictions: Sequence[Any], data: Dataset) -> Scores:
        """Score as the other task does."""
        return self._task.score(predictions, data)


TASKS: Registry[type[Task]] = Registry("task", __name__)
