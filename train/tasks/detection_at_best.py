"""Detection as epochs are judged: by the best of a few thresholds, as those that matter are chosen in the end."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from train.data.batches import Indices
from train.data.dataset import Dataset
from train.data.detection import DetectionParameters
from train.engine import Images
from train.scoring.regions import RegionCounts, RegionScores
from train.scoring.thresholds import Counts, PhotoMap, ThresholdGrid, best_of, count_photo, with_given
from train.tasks import Mistake, SampleStats, Task
from train.tasks.wrapped import WrappedTask

GRID = ThresholdGrid(
    thresh=(0.2, 0.3, 0.4), box_thresh=(0.3, 0.4, 0.5, 0.6, 0.7, 0.8), unclip_ratio=(1.25, 1.5, 2.0)
)
"""A part of what is tried in the end: that is never worse."""

MapOf = Callable[[Images, Dataset, int], PhotoMap]


class DetectionAtBest(WrappedTask):
    """A prediction is what every triple of thresholds would count in a photo."""

    def __init__(self, detection: Task, photo_map: MapOf, how: DetectionParameters) -> None:
        """Wrap the task of detection.

        Args:
            detection: the task.
            photo_map: output maps, dataset, index -> the photo's map and labels (`Detection.photo_map`).
            how: text is looked for otherwise.
        """
        super().__init__(detection)
        self._photo_map, self._how, self._tried = photo_map, how, with_given(GRID, how)

    def decode(self, output: Images, data: Dataset, indices: Indices) -> list[Any]:
        """Return (triples, 5) RegionCounts of each photo."""
        pairs = zip(output, indices.tolist(), strict=True)
        return [count_photo(self._photo_map(maps, data, index), self._tried) for maps, index in pairs]

    def score(self, predictions: Sequence[Counts], data: Dataset) -> RegionScores:
        """Return the best triple's scores."""
        return RegionScores.measured(self.per_sample(predictions, data))

    def per_sample(self, predictions: Sequence[Counts], data: Dataset) -> SampleStats:
        """Return the best triple's (N, 5) RegionCounts."""
        if not predictions:
            return np.zeros((0, len(RegionCounts._fields)))
        counts = np.stack(predictions)
        return np.asarray(counts[:, best_of(counts.sum(axis=0), self._tried, self._how)])

    def mistakes(self, predictions: Sequence[Counts], data: Dataset) -> list[Mistake]:
        """Return none: a count does not tell."""
        return []
