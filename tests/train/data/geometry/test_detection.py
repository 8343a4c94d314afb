"""Detection's parameters outside of serving; its arithmetic is compared with PaddleX's in tests/serve."""

import numpy as np
import pytest

from train.data.geometry.detection import DetectionParameters, decode_boxes, find_raw_boxes, grow
from train.errors import UsageError


def test_an_unknown_limit_type_is_refused() -> None:
    with pytest.raises(UsageError, match="resize_long"):
        DetectionParameters(limit_type="middle")


def test_candidates_are_judged_and_grown_by_boxes_alone() -> None:
    found = np.zeros((64, 128), np.float32)
    found[10:20, 10:60] = 0.9
    found[40:50, 10:60] = 0.5
    found[40:42, 100:102] = 1
    how = DetectionParameters()
    both = find_raw_boxes(found, how.thresh)
    assert sorted(round(raw.score, 2) for raw in both) == [0.5, 0.9]
    quads, scores = decode_boxes(found, (64, 128), how)
    assert scores.round(2).tolist() == [0.9]
    sure = max(both, key=lambda raw: raw.score)
    grown = grow(sure.corners, how.unclip_ratio)
    assert grown is not None
    assert np.abs(quads[0] - grown).max() <= 0.5
    assert np.ptp(grown, axis=0).min() > np.ptp(sure.corners, axis=0).min()
