"""Detection as epochs are judged: by the best of a few thresholds, as those that matter are chosen in the end."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from train.config import TrialConfig
from train.data.batching.batches import Indices
from train.data.charset import Charset
from train.data.dataset import Dataset
from train.engine import Images
from train.scoring.regions import RegionCounts, RegionScores
from train.scoring.thresholds import Counts, ThresholdGrid, best_of, count_photo, with_given
from train.tasks import Mistake, SampleStats, Sizes
from train.tasks.photos import PhotoTask

GRID = ThresholdGrid(
    thresh=(0.2, 0.3, 0.4), box_thresh=(0.3, 0.4, 0.5, 0.6, 0.7, 0.8), unclip_ratio=(1.25, 1.5, 2.0)
)
"""A part of what is tried in the end: that is never worse."""


class DetectionAtBest(PhotoTask):
    """A prediction is what every triple of thresholds would count in a photo."""

    def __init__(self, config: TrialConfig) -> None:
        super().__init__(config, Charset(()))
        self._tried = with_given(GRID, self.how)

    def decode(self, output: Images, data: Dataset, indices: Indices) -> list[Any]:
        """Return (triples, 5) RegionCounts of each photo."""
        pairs = zip(output, indices.tolist(), strict=True)
        return [count_photo(self.photo_map(maps, data, index), self._tried) for maps, index in pairs]

    def score(self, predictions: Sequence[Counts], data: Dataset) -> RegionScores:
        """Return the best triple's scores."""
        return RegionScores.measured(self.per_sample(predictions, data))

    def per_sample(self, predictions: Sequence[Counts], data: Dataset) -> SampleStats:
        """Return the best triple's (N, 5) RegionCounts."""
        if not predictions:
            return np.zeros((0, len(RegionCounts._fields)))
        return np.asarray(np.stack(predictions)[:, self._find_best(predictions)])

    def chosen(self, predictions: Sequence[Counts], seen: Sizes) -> TrialConfig:
        """Return the configuration with the best triple."""
        return self.with_choice(*list(product(*self._tried))[self._find_best(predictions)], seen)

    def _find_best(self, predictions: Sequence[Counts]) -> int:
        return best_of(np.sum(predictions, axis=0), self._tried, self.how)

    def mistakes(self, predictions: Sequence[Counts], data: Dataset) -> list[Mistake]:
        """Return none: a count does not tell."""
        return []
