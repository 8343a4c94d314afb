"""Errors of boxes: what is measured is what was applied, and what is drawn spreads as what was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.photos.box_errors import FEWEST, INTO, STANDARD, BoxError, Deviations, apply, measure

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


def errors(spread: float, count: int = FEWEST) -> list[BoxError]:
    return [
        BoxError(0.1 + spread * (i % 2), 0.1, 0.0, spread / 5 * (i % 3), 9 * spread * (i % 2))
        for i in range(count)
    ]


def drawn(deviations: Deviations) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([deviations.draw(rng) for _ in range(2000)])


def test_errors_are_drawn_like_the_measured_ones() -> None:
    around = drawn(Deviations(errors(0.2)))
    assert np.allclose(around.mean(axis=0), 0, atol=0.05), "what all boxes share is in the found one already"
    assert np.allclose(around.std(axis=0), 0.5 * np.std(errors(0.2), axis=0), rtol=0.15)
    assert drawn(Deviations(errors(4)))[:, :4].min() == -INTO
    few = drawn(Deviations(errors(0.2, FEWEST - 1)))
    assert few[:, 4].std() == pytest.approx(STANDARD.degrees, rel=0.1)


def test_boxes_in_photos_that_a_detector_knows_err_as_in_others_once_errors_are_drawn() -> None:
    """Without the drawn errors, its boxes on its training photos would look better than they are."""
    known, elsewhere = errors(0.1), errors(0.25)
    rng = np.random.default_rng(1)
    together = drawn(Deviations(elsewhere, known)) + rng.permutation(np.resize(known, (2000, 5)))
    assert np.allclose(together.std(axis=0), np.std(elsewhere, axis=0), rtol=0.15, atol=0.01)
    assert np.allclose(together.mean(axis=0), np.mean(elsewhere, axis=0), atol=0.05)
