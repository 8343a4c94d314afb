"""What batches a network is given: a task's own, or what stands in for them."""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from train.data.batching.batches import Indices
from train.data.dataset import Dataset
from train.engine import Batch, Features, Images


class Batches(Protocol):
    """What a network is given of samples: a task's own batches, or what a teacher or a cache makes of them."""

    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Return a training batch (`Task.batch`)."""

    def evaluation_batch(self, data: Dataset, indices: Indices) -> Images | Features:
        """Return the images of samples to read (`Task.evaluation_batch`), or the backbone's features of them."""


class PlainBatches(Protocol):
    """What training batches hold where nothing is augmented: for a task whose batches can be cached."""

    def needed_widths(self, data: Dataset) -> npt.NDArray[np.int64]:
        """Return the pixels that each sample needs, (N,); a batch is padded to the bucket of its widest."""

    def targets(self, data: Dataset, indices: Indices) -> list[list[int]]:
        """Return the samples' encoded labels."""

    def plain_images(self, data: Dataset, indices: Indices, width_px: int) -> Images:
        """Return the samples as a training batch of this padded width holds them."""

    def padded(self, data: Dataset, indices: Indices, width_px: int) -> Images:
        """Return the samples as an evaluation batch of this padded width holds them."""
