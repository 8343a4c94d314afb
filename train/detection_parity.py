"""The parity gate of detectors: photos of several sizes, and when two maps have the same boxes."""

from collections.abc import Iterator

import cv2
import numpy as np

from train.data.dataset import Dataset
from train.data.detection import DetectionParameters, Probabilities, boxes, candidates, normalise
from train.engines.base import Images
from train.parity import TIE

SIZES_PX = ((128, 256), (320, 320), (640, 384))
"""Height and width of the inputs that are compared, beside those in use."""
BATCH_PHOTOS = (1, 8)
NEAR_PX = 2
"""Corners so near are the same: a pixel of an outline's edge may be on either side of a threshold."""


def photo_inputs(data: Dataset) -> Iterator[Images]:
    """Yield (N, 3, H, W) float32 batches of real photos, stretched to every size and batch size of the gate."""
    order = np.linspace(0, len(data) - 1, max(BATCH_PHOTOS)).astype(int).tolist()
    for (height, width), count in zip(SIZES_PX, (*BATCH_PHOTOS, 1), strict=True):
        photos = [cv2.resize(data.image(index), (width, height)) for index in order[:count]]
        yield normalise([np.asarray(photo, np.uint8) for photo in photos])


def box_verdicts(expected: Images, found: Images, how: DetectionParameters) -> Iterator[tuple[bool, bool]]:
    """Yield (differs, differs by a tie only) for every photo of two (N, 1, H, W) outputs."""
    for one, other in zip(expected[:, 0], found[:, 0], strict=True):
        same = _same_boxes(one, other, how)
        tied = not same and _decided_by_rounding(one, how)
        yield not same and not tied, tied


def _same_boxes(one: Probabilities, other: Probabilities, how: DetectionParameters) -> bool:
    """Whether two (H, W) maps have as many boxes, each with one of the other's in its place."""
    size = (one.shape[0], one.shape[1])
    first, second = boxes(one, size, how)[0], boxes(other, size, how)[0]
    if len(first) != len(second):
        return False
    near = np.abs(first[:, None] - second[None]).max(axis=(2, 3), initial=0) <= NEAR_PX
    return bool(near.any(axis=1).all() and near.any(axis=0).all())


def _decided_by_rounding(probabilities: Probabilities, how: DetectionParameters) -> bool:
    """Whether a pixel, or a box as a whole, lies on a threshold."""
    scores = np.array([box.score for box in candidates(probabilities, how.thresh)])
    on_edge = np.abs(probabilities - np.float32(how.thresh)) <= TIE
    return bool(on_edge.any() or (np.abs(scores - how.box_thresh) <= TIE).any())
