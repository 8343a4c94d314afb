"""Scores of text detection, and of reading what was found, as in ICDAR 2015 (incidental scene text, tasks 4.1 and 4.4).

The protocol is Karatzas et al., "ICDAR 2015 competition on Robust Reading", and its published script: a detection
hits a label if the intersection over union of the two exceeds 0.5, one to one, in the order of the labels. Ignored
labels count for nothing, nor do detections of which more than half lies on one of them. Polygons that cross themselves
or have no area are left out on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import shapely

from train.data.photos.regions import Region
from train.scoring.intervals import Gain, SampleStats, bootstrap_interval, paired_gain_interval
from train.scoring.scores import ResampledScores
from train.scoring.texts import AS_LABELLED, CHARSET_RULES

MIN_IOU = 0.5
MAX_ON_IGNORED = 0.5
MOSTLY = 0.7
"""Share of a label that lies in a box that holds it."""
RESAMPLING_SEED = 0  # equal counts have equal intervals
FOUND, READ = [0, 1, 2], [4, 1, 2]
"""What of `RegionCounts` the hmean of finding, and of reading, is made of."""

Polygons = npt.NDArray[np.object_]
Matrix = npt.NDArray[np.float64]


class RegionCounts(NamedTuple):
    """What one image adds to the scores; the sum over images is a count of the same kind.

    Attributes:
        hits: detections that match a label.
        detections: those that count.
        labels: those that count.
        iou: sum over the hits.
        read: hits whose text is the label's, too.
    """

    hits: float = 0.0
    detections: float = 0.0
    labels: float = 0.0
    iou: float = 0.0
    read: float = 0.0


@dataclass(frozen=True)
class RegionScores(ResampledScores):
    """Scores over n images; without any label or any detection they are 0.

    Attributes:
        precision: share of the detections that are right, in [0, 1].
        recall: share of the labels that were found, in [0, 1].
        hmean: harmonic mean of the two, which decides.
        iou: mean intersection over union of the hits, which breaks ties.
    """

    names: ClassVar[tuple[str, ...]] = ("hmean", "iou", "precision", "recall")

    precision: float
    recall: float
    hmean: float
    iou: float

    @classmethod
    def of(cls, rows: npt.ArrayLike, read: bool = False) -> Self:
        """Return the scores of (N, 5) float64 rows, the RegionCounts of N images; `measured` tells the interval, too.

        Args:
            rows: as they are, or as a bootstrap draws them.
            read: end to end: only a hit that was read right is right. `iou` remains that of all hits.
        """
        counts = np.asarray(rows, np.float64).reshape(-1, len(RegionCounts._fields))
        total = RegionCounts(*counts.sum(axis=0).tolist())
        right = total.read if read else total.hits
        return cls(
            n=len(counts),
            precision=_share(right, total.detections),
            recall=_share(right, total.labels),
            hmean=hmean((right, total.detections, total.labels)),
            iou=_share(total.iou, total.hits),
        )

    @classmethod
    def measured(cls, rows: npt.ArrayLike, read: bool = False) -> Self:
        """Return what `of` does, with the interval of the hmean: a bootstrap over the images; one alone tells none."""
        counts = np.asarray(rows, np.float64).reshape(-1, len(RegionCounts._fields))
        found = cls.of(counts, read)
        if len(counts) < 2:
            return found
        interval = bootstrap_interval(counts[:, READ if read else FOUND], hmean, RESAMPLING_SEED)
        return replace(found, interval=interval)


def hmean(sums: Sequence[float] | SampleStats) -> float:
    """Return the harmonic mean of precision and recall of (right, found, labelled), summed over images."""
    right, found, labelled = sums
    return float(_share(2 * right, found + labelled))


def gain_in_reading(before: SampleStats, after: SampleStats) -> Gain:
    """Return what the hmean of reading gains, by (N, 5) RegionCounts of the same images."""
    return paired_gain_interval(before[:, READ], after[:, READ], hmean, RESAMPLING_SEED)


def count_ahead(first: SampleStats, second: SampleStats) -> int:
    """Return how many more images the first one reads better than worse, by (N, 5) RegionCounts of the same images."""
    return sum(
        int(np.sign(hmean(one) - hmean(two)))
        for one, two in zip(first[:, READ], second[:, READ], strict=True)
    )


def score_regions(rows: Sequence[RegionCounts]) -> RegionScores:
    """Return the scores of detection, from what `count_image` or `count_reading` said of each image."""
    return RegionScores.measured(np.array(rows, np.float64))


def score_end_to_end(rows: Sequence[RegionCounts]) -> RegionScores:
    """Return the scores of detection and reading together, from what `count_reading` said of each image."""
    return RegionScores.measured(np.array(rows, np.float64), read=True)


def count_image(found: npt.ArrayLike, regions: Sequence[Region]) -> RegionCounts:
    """Compare the detections in an image with its labels.

    Args:
        found: (N, 4, 2) corners, in the pixels of the labels.
        regions: the labels; the ignored ones among them.
    """
    judged = judge(polygons(list(np.asarray(found, np.float64).reshape(-1, 4, 2))), regions)
    return _counts(judged, read=0)


def count_reading(
    found: npt.ArrayLike, texts: Sequence[str], regions: Sequence[Region], rule: str = AS_LABELLED
) -> RegionCounts:
    """Compare detections and what was read in them with the labels, end to end.

    Args:
        found: (N, 4, 2) corners, in the pixels of the labels.
        texts: what was read in each.
        regions: the labels; the ignored ones among them.
        rule: of CHARSET_RULES: how both texts are changed before they are compared.
    """
    change = CHARSET_RULES[rule]
    quads = list(np.asarray(found, np.float64).reshape(-1, 4, 2))
    if len(texts) != len(quads):
        raise ValueError(f"{len(quads)} detections need as many texts, got {len(texts)}")
    judged = judge(polygons(quads), regions)
    read = sum(change(texts[i]) == change(regions[j].text) for i, j in judged.hits)
    return _counts(judged, read)


class JudgedBoxes(NamedTuple):
    """How the detections in an image stand to its labels.

    Attributes:
        hits: (detection, label) by index.
        ious: of each hit.
        detections: number of detections that count.
        labels: number of labels that count.
    """

    hits: list[tuple[int, int]]
    ious: list[float]
    detections: int
    labels: int


def judge(found: Polygons, regions: Sequence[Region]) -> JudgedBoxes:
    """Match detections, (N,) polygons, with labels."""
    return Overlaps(found, regions).judge(np.ones(len(found), bool))


class Overlaps:
    """The overlaps of an image's detections with its labels: measured once, judged for any part of the detections."""

    def __init__(self, found: Polygons, regions: Sequence[Region]) -> None:
        """Measure (N,) polygons against every label."""
        labels = polygons([region.points for region in regions])
        valid = _usable(labels)
        ignored = np.array([region.ignored for region in regions], bool)
        self._cared = np.flatnonzero(valid & ~ignored)
        self._usable = _usable(found)
        shared = _intersections(found, labels)
        area, label_area = shapely.area(found)[:, None], shapely.area(labels)[None]
        on_ignored = shared[:, valid & ignored] > MAX_ON_IGNORED * area
        self._counts = self._usable & ~on_ignored.any(axis=1)
        cared = self._cared
        self._iou: Matrix = shared[:, cared] / np.maximum(
            area + label_area[:, cared] - shared[:, cared], 1e-9
        )
        hits = (self._iou > MIN_IOU) & self._counts[:, None]
        self._pairs = [(int(i), int(j)) for j, i in np.argwhere(hits.T)]

    def judge(self, chosen: npt.NDArray[np.bool_]) -> JudgedBoxes:
        """Match the `chosen` detections, (N,), as if there were no others."""
        taken: set[int] = set()
        matched: dict[int, int] = {}
        for i, j in self._pairs:
            if chosen[i] and i not in taken and j not in matched:
                taken.add(i)
                matched[j] = i
        hits = [(i, int(self._cared[j])) for j, i in matched.items()]
        ious = [float(self._iou[i, j]) for j, i in matched.items()]
        return JudgedBoxes(hits, ious, int((chosen & self._counts).sum()), len(self._cared))


def lie_within(found: Polygons, regions: Sequence[Region]) -> npt.NDArray[np.bool_]:
    """Return (N, M): which of M labels, ignored ones among them, lie mostly in which of N detections."""
    labels = polygons([region.points for region in regions])
    return np.asarray(_intersections(found, labels) > MOSTLY * shapely.area(labels)[None], bool)


def polygons(corners: Sequence[npt.ArrayLike]) -> Polygons:
    """Return shapely's polygon of each (K, 2) corners; one of fewer than three corners is empty."""
    shapes = [np.asarray(points, np.float64).reshape(-1, 2) for points in corners]
    made = [shapely.Polygon(points) if len(points) > 2 else shapely.Polygon() for points in shapes]
    return np.array(made, object).reshape(len(made))


def _usable(shapes: Polygons) -> npt.NDArray[np.bool_]:
    return np.asarray(shapely.is_valid(shapes) & (shapely.area(shapes) > 0), bool)


def _intersections(found: Polygons, labels: Polygons) -> Matrix:
    """Return the (N, M) areas that usable polygons share, 0 for others."""
    shared: Matrix = np.zeros((len(found), len(labels)))
    if shared.size:
        left, bottom, right, top = np.moveaxis(shapely.bounds(found)[:, None], -1, 0)
        label_left, label_bottom, label_right, label_top = np.moveaxis(shapely.bounds(labels)[None], -1, 0)
        near = (left < label_right) & (label_left < right) & (bottom < label_top) & (label_bottom < top)
        near &= _usable(found)[:, None] & _usable(labels)[None]
        i, j = np.nonzero(near)
        shared[i, j] = shapely.area(shapely.intersection(found[i], labels[j]))
    return shared


def _counts(judged: JudgedBoxes, read: int) -> RegionCounts:
    return RegionCounts(len(judged.hits), judged.detections, judged.labels, sum(judged.ious), read)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
