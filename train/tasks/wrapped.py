"""A task of which something is changed: by a teacher, by a cache."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from train.config import TrialConfig
from train.data.batches import Indices
from train.data.dataset import Dataset
from train.data.mixture import Extra
from train.engine import Batch, Features, Images
from train.scoring.scores import Scores
from train.tasks import Mistake, SampleStats, Task


class WrappedTask(Task):
    """Another task; a subclass changes some of it. What asks for classes, not objects, asks the other one's."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def training_batches(
        self, config: TrialConfig, data: Dataset, extras: Sequence[Extra], epoch: int
    ) -> tuple[Dataset, list[Indices]]:
        """Return the other task's."""
        return self._task.training_batches(config, data, extras, epoch)

    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Return the other task's."""
        return self._task.batch(data, indices, epoch)

    def evaluation_batches(self, data: Dataset, workers: int = 1) -> Iterator[Indices]:
        """Yield the other task's."""
        return self._task.evaluation_batches(data, workers)

    def evaluation_batch(self, data: Dataset, indices: Indices) -> Images | Features:
        """Return the other task's."""
        return self._task.evaluation_batch(data, indices)

    def loss_limit(self, data: Dataset) -> float:
        """Return the other task's."""
        return self._task.loss_limit(data)

    def decode(self, output: Images, data: Dataset, indices: Indices) -> list[Any]:
        """Decode as the other task does."""
        return self._task.decode(output, data, indices)

    def losses(self, output: Images, data: Dataset, indices: Indices) -> npt.NDArray[np.float64]:
        """Return the labels' losses as the other task does."""
        return self._task.losses(output, data, indices)

    def score(self, predictions: Sequence[Any], data: Dataset) -> Scores:
        """Score as the other task does."""
        return self._task.score(predictions, data)

    def per_sample(self, predictions: Sequence[Any], data: Dataset) -> SampleStats:
        """Count as the other task does."""
        return self._task.per_sample(predictions, data)

    def primary(self, sums: SampleStats) -> float:
        """Add up as the other task does."""
        return self._task.primary(sums)

    def mistakes(self, predictions: Sequence[Any], data: Dataset) -> list[Mistake]:
        """Return the other task's."""
        return self._task.mistakes(predictions, data)

    def verdicts(self, expected: Images, found: Images) -> Iterator[tuple[bool, bool]]:
        """Judge as the other task does."""
        return self._task.verdicts(expected, found)
