"""Text detection: a label says where in a photo text is, an output is DBNet's map of text probabilities."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from train.config import TrialConfig
from train.data.batching.batches import Indices
from train.data.dataset import Dataset
from train.data.geometry.detection import Quads, decode_boxes
from train.data.images import Image
from train.data.photos.picture import draw_regions
from train.engine import Images
from train.scoring.regions import RegionCounts, RegionScores, count_image, score_regions
from train.scoring.thresholds import tune_thresholds
from train.tasks import TASKS, Mistake, SampleStats, Sizes, Task
from train.tasks.detection_at_best import DetectionAtBest
from train.tasks.photos import PhotoTask, kept_photo, labels_of, source_size


@dataclass(frozen=True)
class DetectedBoxes:
    """What was found in a photo.

    Attributes:
        quads: (N, 4, 2) int32 corners, in pixels of the image file.
        scores: (N,) float64 in [0, 1].
    """

    quads: Quads
    scores: npt.NDArray[np.float64]


@TASKS.register("detection")
class Detection(PhotoTask):
    """A prediction is the boxes in a photo."""

    tunes: ClassVar[bool] = True

    def tuned(
        self, outputs: Iterable[tuple[Indices, Images]], data: Dataset, learnt: Sizes | None = None
    ) -> TrialConfig:
        """Choose threshold, box threshold and unclip ratio; photos larger than all that it has learnt are shrunken."""
        photos = (
            self.photo_map(maps, data, index)
            for indices, output in outputs
            for index, maps in zip(indices.tolist(), output, strict=True)
        )
        best = tune_thresholds(photos, self.how)
        seen = None if learnt is None else np.concatenate([learnt, data.sizes])
        return self.with_choice(best.thresh, best.box_thresh, best.unclip_ratio, seen)

    @property
    def at_best(self) -> Task:
        """The task with the best of a few thresholds: what a network learns comes before how sure it is of it."""
        return DetectionAtBest(self._config)

    def decode(self, output: Images, data: Dataset, indices: Indices) -> list[DetectedBoxes]:
        """Return the boxes in each photo's (1, H, W) map."""
        found = zip(output, indices.tolist(), strict=True)
        return [
            DetectedBoxes(*decode_boxes(maps[0], source_size(data, index), self.how)) for maps, index in found
        ]

    def score(self, predictions: Sequence[DetectedBoxes], data: Dataset) -> RegionScores:
        """Compare the boxes with the labels."""
        return score_regions(_counts(predictions, data))

    def per_sample(self, predictions: Sequence[DetectedBoxes], data: Dataset) -> SampleStats:
        """Return (N, 5), the RegionCounts of each photo."""
        return np.array(_counts(predictions, data), np.float64).reshape(-1, len(RegionCounts._fields))

    def mistakes(self, predictions: Sequence[DetectedBoxes], data: Dataset) -> list[Mistake]:
        """Return the photos in which a text was missed, or something else was found."""
        counted = zip(_counts(predictions, data), predictions, strict=True)
        return [
            _mistake(index, counts, found)
            for index, (counts, found) in enumerate(counted)
            if counts.hits < max(counts.labels, counts.detections)
        ]

    def picture(self, data: Dataset, index: int, prediction: DetectedBoxes) -> Image:
        """Return the photo with its labels and what was found."""
        image, regions = kept_photo(data, index)
        height, width = source_size(data, index)
        factors = np.array([image.shape[1] / width, image.shape[0] / height])
        return draw_regions(image, regions, prediction.quads * factors)


def _counts(predictions: Sequence[DetectedBoxes], data: Dataset) -> list[RegionCounts]:
    return [count_image(found.quads, labels_of(data, index)) for index, found in enumerate(predictions)]


def _mistake(index: int, counts: RegionCounts, found: DetectedBoxes) -> Mistake:
    right, boxes_found, labels = int(counts.hits), int(counts.detections), int(counts.labels)
    return Mistake(
        index=index,
        label=f"{labels} {'text' if labels == 1 else 'texts'}",
        reading=f"{boxes_found} {'box' if boxes_found == 1 else 'boxes'}, {right} right",
        confidence=float(min(found.scores.max(initial=0), 1)),
        faults=labels + boxes_found - 2 * right,
    )
