"""Lines that stand on their heads: PaddleX's input and turning, and what the wheel's model is worth."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.inference import pretrained
from tests.real_lines import samples
from tests.serve import paddle_reference as paddle
from train.data import images
from train.data.geometry.orientation import MOBILE_V2, PP_LCNET, angles, line_input, normalise, prepare, turn


@settings(max_examples=60)
@given(st.integers(1, 90), st.integers(1, 300))
def test_a_turned_line_is_paddlexs(height: int, width: int) -> None:
    from paddlex.inference.pipelines.components import rotate_image

    line = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    assert np.array_equal(turn(line), rotate_image(line, 180))


@settings(max_examples=30)
@given(st.integers(1, 90), st.integers(1, 300))
def test_pp_lcnets_input_is_paddlexs(height: int, width: int) -> None:
    import cv2
    from paddlex.inference.models.common import Normalize, Resize

    line = np.random.default_rng(width).integers(0, 256, (height, width, 3), np.uint8)
    rgb = cv2.cvtColor(line, cv2.COLOR_BGR2RGB)
    (expected,) = Normalize(mean=PP_LCNET.mean, std=PP_LCNET.std)(Resize([160, 80])([rgb]))
    found = normalise([prepare(line, PP_LCNET)], PP_LCNET)
    assert np.array_equal(found[0], expected.transpose(2, 0, 1))


def test_a_short_line_is_padded_and_a_long_one_squeezed() -> None:
    batch = normalise([prepare(np.full((20, 40, 3), 255, np.uint8), MOBILE_V2)], MOBILE_V2)
    assert batch.shape == (1, 3, 48, 192)
    assert np.allclose(batch[..., :96], 1)
    assert not batch[..., 96:].any()
    assert prepare(np.zeros((20, 900, 3), np.uint8), MOBILE_V2).shape == (48, 192, 3)


def test_the_graphs_input_tells_the_model() -> None:
    wheel = paddle.session(pretrained.find_orientation_graph()).get_inputs()[0].shape
    assert line_input(wheel) == MOBILE_V2
    assert line_input(["N", 3, 80, 160]) == PP_LCNET


def test_only_certainty_turns_a_line() -> None:
    rows = np.array([[0.9, 0.1], [0.2, 0.8], [0.05, 0.95]], np.float32)
    assert angles(rows, MOBILE_V2) == [0, 0, 1]
    assert angles(rows, PP_LCNET) == [0, 1, 1]
    assert angles(np.zeros((0, 2), np.float32), PP_LCNET) == []


def test_the_wheels_model_tells_real_lines_from_turned_ones(data_dir: Path) -> None:
    upright = [images.read(sample.path) for sample in samples(data_dir, "receipts", count=60)]
    rows = [
        paddle.probabilities(
            pretrained.find_orientation_graph(), normalise([prepare(line, MOBILE_V2)], MOBILE_V2)
        )
        for line in [*upright, *(turn(line) for line in upright)]
    ]
    found = angles(np.concatenate(rows), MOBILE_V2)
    assert np.mean(found[: len(upright)]) < 0.15
    assert np.mean(found[len(upright) :]) > 0.6


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1)])
def test_any_line_has_an_input(shape: tuple[int, int]) -> None:
    for how in (MOBILE_V2, PP_LCNET):
        assert np.isfinite(normalise([prepare(np.ones((*shape, 3), np.uint8), how)], how)).all()
