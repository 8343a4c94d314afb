"""Tuned thresholds are those that detection itself would score best with."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data.decoded.header import image_size
from train.data.formats.loading import load_file
from train.data.geometry.detection import DetectionParameters, decode_boxes
from train.data.photos.regions import regions_of
from train.data.photos.targets import region_targets
from train.errors import UsageError
from train.scoring.regions import RegionScores, count_image, score_regions
from train.scoring.thresholds import PhotoMap, ThresholdGrid, tune_thresholds

GIVEN = DetectionParameters()
GRID = ThresholdGrid((0.2, 0.4), (0.3, 0.5, 0.7), (1.2, 2.0))


@pytest.fixture(scope="module")
def photos(data_dir: Path) -> list[PhotoMap]:
    """What a network might say of real photos: the shrunken texts, weaker here and there, blurred, and noise."""
    rng = np.random.default_rng(0)
    found = []
    for name in ("vin", "scene_words"):
        for sample in load_file(data_dir / name / "det_gt_val.txt", tasks=("detection",))[:6]:
            regions = regions_of(sample.text)
            height, width = image_size(sample.path)
            shrink = region_targets([replace(r, ignored=False) for r in regions], (height, width)).shrink
            weak = cv2.resize(rng.random((6, 6), np.float32), (width, height))
            noise = cv2.GaussianBlur(rng.random((height, width), np.float32), (0, 0), 4) - 0.35
            probabilities = np.clip(cv2.GaussianBlur(shrink, (0, 0), 1) * (0.3 + 0.7 * weak) + noise, 0, 1)
            found.append(PhotoMap(probabilities, (height, width), regions))
    return found


def scored(photos: list[PhotoMap], how: DetectionParameters) -> RegionScores:
    return score_regions(
        [count_image(decode_boxes(p.probabilities, p.source_size, how)[0], p.regions) for p in photos]
    )


def test_the_best_of_the_grid_as_detection_itself_scores_it(photos: list[PhotoMap]) -> None:
    tuned = tune_thresholds(iter(photos), GIVEN, GRID)
    every = [
        scored(photos, replace(GIVEN, thresh=thresh, box_thresh=box_thresh, unclip_ratio=ratio))
        for thresh in (*GRID.thresh, GIVEN.thresh)
        for box_thresh in (*GRID.box_thresh, GIVEN.box_thresh)
        for ratio in (*GRID.unclip_ratio, GIVEN.unclip_ratio)
    ]
    best = max(every, key=lambda scores: scores.rank)
    assert scored(photos, tuned).rank == pytest.approx(best.rank)
    assert best.rank > scored(photos, GIVEN).rank


def test_nothing_else_changes_and_ties_leave_the_given_ones() -> None:
    given = DetectionParameters(limit_side_len=960, limit_type="max", box_thresh=0.55)
    empty = PhotoMap(np.zeros((64, 64), np.float32), (64, 64), ())
    assert tune_thresholds([empty], given) == given
    assert tune_thresholds([], given) == given


def test_a_zero_would_stand_for_the_default() -> None:
    with pytest.raises(UsageError, match="above 0"):
        tune_thresholds([], GIVEN, ThresholdGrid(thresh=(0.0, 0.3)))
