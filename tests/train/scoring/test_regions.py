"""Detection scores: cases with known answers, another implementation of the protocol, and properties."""

import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon

from train.data.formats.loading import load_file
from train.data.photos.regions import Points, Region, regions_of
from train.scoring.regions import (
    RegionCounts,
    RegionScores,
    count_image,
    count_reading,
    score_end_to_end,
    score_regions,
)


def box(left: float, top: float, width: float, height: float) -> Points:
    return ((left, top), (left + width, top), (left + width, top + height), (left, top + height))


def label(points: Points, text: str = "a", ignored: bool = False) -> Region:
    return Region(points, text, ignored)


A, B = box(0, 0, 10, 10), box(20, 0, 10, 10)
KNOWN: dict[str, tuple[list[Points], list[Region], tuple[int, int, int]]] = {
    "all found": ([A, B], [label(A), label(B)], (2, 2, 2)),
    "one missed": ([A], [label(A), label(B)], (1, 1, 2)),
    "one too many": ([A, B], [label(A)], (1, 2, 1)),
    "a duplicate counts against": ([A, A], [label(A)], (1, 2, 1)),
    "two labels, one detection": ([A], [label(A), label(A)], (1, 1, 2)),
    "a third is too little": ([box(5, 0, 10, 10)], [label(A)], (0, 1, 1)),
    "exactly a half is too little": ([box(0, 0, 10, 5)], [label(A)], (0, 1, 1)),
    "just over a half": ([box(0, 0, 10, 5.01)], [label(A)], (1, 1, 1)),
    "no labels": ([A], [], (0, 1, 0)),
    "no detections": ([], [label(A)], (0, 0, 1)),
    "nothing": ([], [], (0, 0, 0)),
    "an ignored label is no miss": ([], [label(A, ignored=True)], (0, 0, 0)),
    "nor a hit": ([A], [label(A, ignored=True)], (0, 0, 0)),
    "two detections on an ignored label": ([A, box(1, 1, 5, 5)], [label(A, ignored=True)], (0, 0, 0)),
    "half on an ignored label counts": ([box(5, 0, 10, 10)], [label(A, ignored=True)], (0, 1, 0)),
    "more than half does not": ([box(4.9, 0, 10, 10)], [label(A, ignored=True)], (0, 0, 0)),
    "on an ignored and a cared label": ([A], [label(A, ignored=True), label(A)], (0, 0, 1)),
    "order of the corners": ([A[::-1]], [label((A[2], A[3], A[0], A[1]))], (1, 1, 1)),
    "a crossed label is left out": ([A], [label((A[0], A[1], A[3], A[2]))], (0, 1, 0)),
    "a crossed detection is left out": ([(A[0], A[1], A[3], A[2])], [label(A)], (0, 0, 1)),
    "a detection without area": ([(A[0],) * 4], [label(A)], (0, 0, 1)),
    "a label of two corners": ([A], [label(A[:2])], (0, 1, 0)),
    "first label takes the detection": ([box(1, 0, 10, 10)], [label(A), label(box(1, 0, 10, 10))], (1, 1, 2)),
}


@pytest.mark.parametrize(("found", "labels", "expected"), KNOWN.values(), ids=KNOWN)
def test_hits_and_labels_are_counted_as_icdar_counts_them(
    found: list[Points], labels: list[Region], expected: tuple[int, int, int]
) -> None:
    counts = count_image(found, labels)
    assert (counts.hits, counts.detections, counts.labels) == expected


def test_scores_of_a_set_are_those_of_its_sums() -> None:
    rows = [RegionCounts(1, 2, 4, 0.8), RegionCounts(3, 3, 3, 2.4), RegionCounts(0, 0, 0)]
    scores = score_regions(rows)
    assert (scores.n, scores.precision, scores.recall) == (3, 4 / 5, 4 / 7)
    assert scores.hmean == pytest.approx(2 * (4 / 5) * (4 / 7) / (4 / 5 + 4 / 7))
    assert scores.iou == pytest.approx(0.8)
    assert scores.rank == (scores.hmean, scores.iou)
    assert score_regions([]) == RegionScores(0, 0.0, 0.0, 0.0, 0.0)
    assert set(scores.as_dict()) >= {"n", "precision", "recall", "hmean"}


def test_the_hmean_has_an_interval_over_the_images_wherever_it_is_kept() -> None:
    rows = [RegionCounts(1, 2, 2, 0.8, 0), RegionCounts(3, 3, 3, 2.4, 2), RegionCounts(0, 1, 2)] * 20
    scores, read = score_regions(rows), score_end_to_end(rows)
    counts = np.array(rows, np.float64)
    drawn = counts[np.random.default_rng(1).integers(0, 60, (2000, 60))].sum(axis=1)
    low, high = np.percentile(2 * drawn[:, 0] / (drawn[:, 1] + drawn[:, 2]), [2.5, 97.5])
    assert scores.interval is not None
    assert (scores.interval.low, scores.interval.high) == pytest.approx((low, high), abs=0.02)
    assert read.interval is not None
    assert read.interval.low < read.hmean < read.interval.high < scores.interval.low
    kept = RegionScores.from_metrics(scores.metrics("general_"), 60, "general_")
    assert (kept, kept.interval) == (scores, scores.interval)
    assert RegionScores.from_metrics(scores.values(), 60).interval is None, "of a study of an earlier version"
    assert score_regions([]).interval is None


def test_end_to_end_wants_place_and_text() -> None:
    labels = [label(A, "Ab"), label(B, "cd"), label(box(40, 0, 9, 9), "###", True)]
    found = [A, B, box(40, 0, 9, 9)]
    counts = count_reading(found, ["ab", "cd", "x"], labels)
    assert (counts.hits, counts.detections, counts.labels, counts.read) == (2, 2, 2, 1)
    assert score_regions([counts]).hmean == 1
    scores = score_end_to_end([counts])
    assert (scores.precision, scores.recall, scores.hmean, scores.iou) == (0.5, 0.5, 0.5, 1)
    assert count_reading(found, ["ab", "cd", "x"], labels, "case-insensitive").read == 2
    assert count_reading([B], ["Ab"], labels).read == 0
    with pytest.raises(ValueError, match="1 detections"):
        count_reading([A], [], labels)


@cache
def published_protocol() -> Any:
    """Return the ICDAR 2015 evaluator that modelscope, a part of PaddleOCR's wheels, ships for DBNet.

    Its package imports what nobody here needs; the file alone needs numpy and shapely.
    """
    folder = importlib.util.find_spec("modelscope").submodule_search_locations[0]
    file = Path(folder, "msdatasets/dataset_cls/custom_datasets/ocr_detection/measures/iou_evaluator.py")
    spec = importlib.util.spec_from_file_location("iou_evaluator", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DetectionIoUEvaluator()


def published_counts(found: Sequence[Points], labels: Sequence[Region]) -> tuple[int, int, int, float]:
    """Return hits, boxes and labels that count, and the sum of the hits' overlaps."""
    gt = [{"points": r.points, "ignore": r.ignored} for r in labels]
    judged = published_protocol().evaluate_image(gt, [{"points": points} for points in found])
    overlap = sum(judged["iouMat"][pair["gt"]][pair["det"]] for pair in judged["pairs"])
    return judged["detMatched"], judged["detCare"], judged["gtCare"], overlap


sides = st.integers(0, 12).map(float)
quads = st.tuples(*[st.tuples(sides, sides)] * 4).filter(lambda p: Polygon(p).area > 0) | st.builds(
    box, sides, sides, st.integers(1, 8).map(float), st.integers(1, 8).map(float)
)
images = st.tuples(
    st.lists(quads, max_size=6), st.lists(st.builds(Region, quads, st.just("a"), st.booleans()), max_size=6)
)


@settings(max_examples=200, deadline=None)
@given(images)
def test_the_counts_are_those_of_another_implementation(image: tuple[list[Points], list[Region]]) -> None:
    counts = count_image(*image)
    assert counts[:4] == pytest.approx(published_counts(*image))


@settings(max_examples=50, deadline=None)
@given(images)
def test_what_always_holds(image: tuple[list[Points], list[Region]]) -> None:
    found, labels = image
    counts = count_image(found, labels)
    assert 0 <= counts.hits <= min(counts.detections, counts.labels)
    assert counts.hits / 2 <= counts.iou <= counts.hits + 1e-9
    assert count_image([], labels).labels == counts.labels
    moved = [tuple((x + 100.0, y) for x, y in points) for points in found]
    assert count_image(moved, labels).hits == 0
    cared = [r for r in labels if not r.ignored]
    assert count_image(found, cared).detections >= counts.detections
    for scores in (score_regions([counts]), score_regions([counts, counts])):
        assert 0 <= min(scores.precision, scores.recall) <= scores.hmean <= 1
        assert scores.hmean <= max(scores.precision, scores.recall)


@pytest.mark.parametrize("name", ["vin", "receipts", "scene_words"])
def test_real_labels_against_themselves_and_shrunk(data_dir: Path, name: str) -> None:
    samples = load_file(data_dir / name / "det_gt_val.txt", tasks=("detection",))
    labels = [regions_of(sample.text) for sample in samples]
    same = [count_image([r.points for r in image if not r.ignored], image) for image in labels]
    scores = score_regions(same)
    # a few of ICDAR's labels lie more than half on ignored ones
    assert scores.recall > 0.97
    assert scores.precision == 1
    assert scores.iou == pytest.approx(1)
    rng = np.random.default_rng(0)
    shaken = [[np.array(r.points) + rng.uniform(-3, 3, (4, 2)) for r in image] for image in labels]
    for quads, image in zip(shaken, labels, strict=True):
        other = published_counts([tuple(map(tuple, q.tolist())) for q in quads], image)
        assert count_image(np.array(quads), image)[:4] == pytest.approx(other)
