"""Errors of boxes: what is measured is what was applied, and what is drawn spreads as what was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.photos.box_errors import FEWEST, INTO, STANDARD, BoxError, apply, deviate, draw, measure

SIDE = st.floats(-0.2, 0.4)


@given(st.builds(BoxError, SIDE, SIDE, SIDE, SIDE, st.floats(-12, 12)), st.floats(-30, 30), st.booleans())
def test_an_error_is_measured_as_it_was_applied(error: BoxError, tilt: float, tall: bool) -> None:
    turn = np.radians(tilt + 90 * tall)
    across = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    label = np.array([[-60, -10], [60, -10], [60, 10], [-60, 10]]) @ across + 200
    found = measure(label, apply(label, error))
    assert found == pytest.approx(error, abs=0.02)


def test_boxes_without_a_common_direction_tell_nothing() -> None:
    line = np.array([[0, 0], [100, 0], [100, 10], [0, 10]])
    assert measure(line, line[:, ::-1]) is None
    assert measure(line, np.zeros((4, 2))) is None


def test_errors_are_drawn_like_the_measured_ones() -> None:
    rng = np.random.default_rng(0)
    measured = [BoxError(0.3, 0.1, 0.0, 0.05 * (i % 3), 2.0 * (i % 2)) for i in range(FEWEST)]
    drawn = np.array([draw(measured, rng) for _ in range(2000)])
    assert np.allclose(drawn.mean(axis=0), np.mean(measured, axis=0), atol=0.1)
    assert np.allclose(drawn.std(axis=0), np.std(measured, axis=0), rtol=0.15)
    around = np.array([deviate(measured, rng) for _ in range(2000)])
    assert np.allclose(around[:, 4].std(), 0.5 * np.std(measured, axis=0)[4], rtol=0.15)
    assert around[:, :4].min() >= -INTO
    few = np.array([draw(measured[1:], rng) for _ in range(2000)])
    assert np.allclose(few.std(axis=0), STANDARD, rtol=0.1)
