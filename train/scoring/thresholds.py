"""The thresholds of detection that suit a trained model: chosen on its validation maps, nothing is trained again."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.geometry.detection import (
    DetectionParameters,
    Probabilities,
    RawBox,
    find_raw_boxes,
    grow,
    scale_to_source,
)
from train.data.photos.regions import Region
from train.errors import UsageError
from train.scoring.regions import Overlaps, RegionCounts, RegionScores, polygons

Counts = npt.NDArray[np.float64]


class ThresholdGrid(NamedTuple):
    """The values that are tried, each with each; those of the model are always among them."""

    thresh: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)
    box_thresh: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    unclip_ratio: tuple[float, ...] = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5)


class PhotoMap(NamedTuple):
    """What a network said of a photo, and what is true.

    Attributes:
        probabilities: (H, W) float32.
        source_size: (height, width) of the photo in whose pixels the labels are.
        regions: the labels.
    """

    probabilities: Probabilities
    source_size: tuple[int, int]
    regions: Sequence[Region]


def tune_thresholds(
    photos: Iterable[PhotoMap], given: DetectionParameters, grid: ThresholdGrid | None = None
) -> DetectionParameters:
    """Return the given ones with the best thresholds and unclip ratio: by hmean, then by the IoU of the hits.

    Args:
        photos: of the validation set, read once; none is kept.
        given: the model's, in effect.
        grid: what else is tried; values are above 0, since 0 stands for the default in a request.
    """
    tried = with_given(grid or ThresholdGrid(), given)
    totals: Counts = np.zeros((prod(map(len, tried)), len(RegionCounts._fields)))
    for photo in photos:
        totals += count_photo(photo, tried)
    thresh, box_thresh, unclip_ratio = list(product(*tried))[best_of(totals, tried, given)]
    return replace(given, thresh=thresh, box_thresh=box_thresh, unclip_ratio=unclip_ratio)


def with_given(grid: ThresholdGrid, given: DetectionParameters) -> ThresholdGrid:
    """Return a grid that holds the given thresholds; raise UsageError for values that are not above 0."""
    if min(min(values) for values in grid) <= 0:
        raise UsageError("thresholds must be above 0", tuple(grid), "leave out what is not")
    current = (given.thresh, given.box_thresh, given.unclip_ratio)
    return ThresholdGrid(
        *(tuple(sorted({*values, value})) for values, value in zip(grid, current, strict=True))
    )


def best_of(totals: Counts, tried: ThresholdGrid, given: DetectionParameters) -> int:
    """Return which triple is the best by the sums over photos of `count_photo`; of equals the given one."""
    usual = list(product(*tried)).index((given.thresh, given.box_thresh, given.unclip_ratio))
    ranks = [(*RegionScores.of(total).rank, cell == usual) for cell, total in enumerate(totals)]
    return max(range(len(ranks)), key=ranks.__getitem__)


def count_photo(photo: PhotoMap, tried: ThresholdGrid) -> Counts:
    """Return the RegionCounts of each triple, (product of the grid's lengths, 5), in the order of `product(*tried)`.

    Contours are found once a threshold, and overlaps measured once a threshold and ratio; a box threshold only chooses.
    """
    least = min(tried.box_thresh)
    counts: Counts = np.zeros((*map(len, tried), len(RegionCounts._fields)))
    for i, thresh in enumerate(tried.thresh):
        found = [box for box in find_raw_boxes(photo.probabilities, thresh) if box.score >= least]
        for k, ratio in enumerate(tried.unclip_ratio):
            scores, overlaps = _grown(photo, found, ratio)
            for j, box_thresh in enumerate(tried.box_thresh):
                judged = overlaps.judge(scores >= box_thresh)
                hits = len(judged.hits)
                counts[i, j, k] = RegionCounts(hits, judged.detections, judged.labels, sum(judged.ious))
    return counts.reshape(-1, counts.shape[-1])


def _grown(
    photo: PhotoMap, found: Sequence[RawBox], ratio: float
) -> tuple[npt.NDArray[np.float64], Overlaps]:
    """Return the scores of the raw boxes that are large enough when grown, and their overlaps with the labels."""
    grown = [(box.score, quad) for box in found if (quad := grow(box.corners, ratio)) is not None]
    quads = np.array([quad for _, quad in grown], np.float32).reshape(-1, 4, 2)
    corners = scale_to_source(quads, photo.probabilities.shape, photo.source_size)
    return np.array([score for score, _ in grown], np.float64), Overlaps(
        polygons(list(corners)), photo.regions
    )
