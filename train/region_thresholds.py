"""The thresholds of detection that suit a trained model: chosen on its validation maps, nothing is trained again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.detection import Candidate, DetectionParameters, Probabilities, candidates, grow, in_source
from train.data.regions import Region
from train.errors import UsageError
from train.region_metrics import Overlaps, RegionCounts, RegionScores, polygons


class ThresholdGrid(NamedTuple):
    """The values that are tried, each with each; those of the model are always among them."""

    thresh: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)
    box_thresh: tuple[float, ...] = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
    unclip_ratio: tuple[float, ...] = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5)


@dataclass(frozen=True)
class TunedThresholds:
    """The best thresholds on some photos.

    Attributes:
        parameters: as given, but for the three thresholds.
        scores: with them.
        untuned: with those that were given, on the same photos.
    """

    parameters: DetectionParameters
    scores: RegionScores
    untuned: RegionScores


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
) -> TunedThresholds:
    """Choose threshold, box threshold and unclip ratio by hmean, ties by the IoU of the hits, then those given.

    Args:
        photos: of the validation set, read once; none is kept.
        given: the model's, in effect.
        grid: what else is tried; values are above 0, since 0 stands for the default in a request.
    """
    tried = _with_given(grid or ThresholdGrid(), given)
    totals: npt.NDArray[np.float64] = np.zeros((*map(len, tried), len(RegionCounts._fields)))
    n = 0
    for photo in photos:
        totals += _count_photo(photo, tried)
        n += 1
    scores = {triple: replace(RegionScores.of(total), n=n) for triple, total in _cells(tried, totals)}
    usual = (given.thresh, given.box_thresh, given.unclip_ratio)
    best = max(scores, key=lambda triple: (*scores[triple].rank, triple == usual))
    thresh, box_thresh, unclip_ratio = best
    chosen = replace(given, thresh=thresh, box_thresh=box_thresh, unclip_ratio=unclip_ratio)
    return TunedThresholds(chosen, scores[best], scores[usual])


def _with_given(grid: ThresholdGrid, given: DetectionParameters) -> ThresholdGrid:
    if min(min(values) for values in grid) <= 0:
        raise UsageError("thresholds must be above 0", tuple(grid), "leave out what is not")
    own = (given.thresh, given.box_thresh, given.unclip_ratio)
    return ThresholdGrid(*(tuple(sorted({*values, value})) for values, value in zip(grid, own, strict=True)))


def _cells(
    tried: ThresholdGrid, totals: npt.NDArray[np.float64]
) -> Iterable[tuple[tuple[float, ...], npt.NDArray[np.float64]]]:
    return zip(product(*tried), totals.reshape(-1, totals.shape[-1]), strict=True)


def _count_photo(photo: PhotoMap, tried: ThresholdGrid) -> npt.NDArray[np.float64]:
    """Return the RegionCounts of each triple, (thresholds, box thresholds, ratios, 5).

    Contours are found once a threshold, and overlaps measured once a threshold and ratio; a box threshold only chooses.
    """
    least = min(tried.box_thresh)
    counts: npt.NDArray[np.float64] = np.zeros((*map(len, tried), len(RegionCounts._fields)))
    for i, thresh in enumerate(tried.thresh):
        found = [box for box in candidates(photo.probabilities, thresh) if box.score >= least]
        for k, ratio in enumerate(tried.unclip_ratio):
            scores, overlaps = _grown(photo, found, ratio)
            for j, box_thresh in enumerate(tried.box_thresh):
                judged = overlaps.judge(scores >= box_thresh)
                hits = len(judged.hits)
                counts[i, j, k] = RegionCounts(hits, judged.detections, judged.labels, sum(judged.ious))
    return counts


def _grown(
    photo: PhotoMap, found: Sequence[Candidate], ratio: float
) -> tuple[npt.NDArray[np.float64], Overlaps]:
    """Return the scores of the candidates that are large enough when grown, and their overlaps with the labels."""
    kept = [(box.score, quad) for box in found if (quad := grow(box.corners, ratio)) is not None]
    quads = np.array([quad for _, quad in kept], np.float32).reshape(-1, 4, 2)
    corners = in_source(quads, photo.probabilities.shape, photo.source_size)
    return np.array([score for score, _ in kept], np.float64), Overlaps(
        polygons(list(corners)), photo.regions
    )
