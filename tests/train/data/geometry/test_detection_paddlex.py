"""Detection's arithmetic is PaddleX's, bit by bit, for any picture and any map of probabilities."""

from typing import Any

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data.geometry.detection import (
    LIMIT_TYPES,
    DetectionParameters,
    decode_boxes,
    input_size,
    normalise,
    prepare,
)

DEFAULTS = DetectionParameters()


def paddlex() -> Any:
    from paddlex.inference.models.text_detection import processors

    return processors


def parameters() -> st.SearchStrategy[DetectionParameters]:
    return st.builds(
        DetectionParameters,
        limit_side_len=st.integers(1, 300),
        limit_type=st.sampled_from(LIMIT_TYPES),
        max_side_limit=st.sampled_from([64, 200, 4000]),
    )


@settings(max_examples=150)
@given(st.integers(1, 300), st.integers(1, 300), parameters())
def test_a_picture_becomes_paddlexs_input(height: int, width: int, how: DetectionParameters) -> None:
    image = np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), np.uint8)
    resize = paddlex().DetResizeForTest(limit_side_len=64, limit_type="min")
    resized, _ = resize([image], how.limit_side_len, how.limit_type, how.max_side_limit)
    found = prepare(image, how)
    assert np.array_equal(found, resized[0])
    assert found.shape[0] % 32 == found.shape[1] % 32 == 0
    (expected,) = paddlex().NormalizeImage(order="hwc")(resized)
    assert np.array_equal(normalise([found])[0], expected.transpose(2, 0, 1))


def test_an_input_never_exceeds_the_longest_side() -> None:
    assert input_size(10, 30_000, DEFAULTS) == (32, 4000)
    assert max(input_size(7000, 7000, DetectionParameters(limit_side_len=100_000))) == 4000


def blobs(seed: int, height: int, width: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return a map of probabilities with slanted bars, specks, holes and noise."""
    rng = np.random.default_rng(seed)
    found = rng.random((height, width), np.float32) * 0.25
    for _ in range(int(rng.integers(0, 12))):
        centre = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        size = (float(rng.uniform(1, width / 2)), float(rng.uniform(1, 30)))
        corners = cv2.boxPoints((centre, size, float(rng.choice([0, 90, rng.uniform(-90, 90)]))))
        cv2.fillPoly(found, [corners.astype(np.int32)], float(rng.uniform(0.3, 1)))
    return found


@settings(max_examples=120)
@given(
    st.integers(0, 10**6),
    st.sampled_from([(32, 64), (96, 96), (160, 320), (320, 32)]),
    st.sampled_from([0.2, 0.3, 0.7]),
    st.sampled_from([0.3, 0.6]),
    st.sampled_from([0.3, 1.5, 2.5]),
    st.sampled_from([(50, 70), (32, 64), (1000, 333)]),
)
def test_boxes_are_paddlexs(
    seed: int,
    shape: tuple[int, int],
    thresh: float,
    box_thresh: float,
    unclip_ratio: float,
    source: tuple[int, int],
) -> None:
    found = blobs(seed, *shape)
    postprocess = paddlex().DBPostProcess(thresh=0.3, box_thresh=0.6, unclip_ratio=1.5)
    sizes = [np.array([*source, shape[0] / source[0], shape[1] / source[1]])]
    how = DetectionParameters(thresh=thresh, box_thresh=box_thresh, unclip_ratio=unclip_ratio)
    (expected,), (scores,) = postprocess([found[None, None]], sizes, thresh, box_thresh, unclip_ratio)
    quads, own_scores = decode_boxes(found, source, how)
    assert np.array_equal(quads, expected.reshape(-1, 4, 2))
    assert np.array_equal(own_scores, scores)


def test_a_map_without_text_has_no_boxes() -> None:
    quads, scores = decode_boxes(np.zeros((64, 64), np.float32), (64, 64), DEFAULTS)
    assert (quads.shape, scores.shape) == ((0, 4, 2), (0,))


def test_coordinates_over_32767_do_not_wrap() -> None:
    found = np.zeros((32, 4000), np.float32)
    found[10:20, 3800:3900] = 1
    quads, _ = decode_boxes(found, (320, 40_000), DEFAULTS)
    assert quads.min() >= 0
    assert quads[:, :, 0].min() > 37_000


def test_zeros_stand_for_the_detectors_defaults() -> None:
    own = DetectionParameters(960, "max", 0.25, 4000, 0.5, 1.8)
    assert DetectionParameters(0, "", 0.0, 4000, 0.0, 0.0).in_effect(own) == own
    assert DetectionParameters(100, "min", 0.1, 500, 0.2, 3.0).in_effect(own).limit_side_len == 100
