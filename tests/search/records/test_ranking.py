"""The one order of results: as numbers, as keys, as trials, with a limit on forgetting and without."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records.ranking import WORST, Forgetting, rank_key, score
from search.records.trial import rank
from search.trials.reporting import judge
from tests.search.made_result import forgetful, trial
from train.scoring.texts import TextScores

LINES, GENERAL = 40, 24
KNOWN = Forgetting({"small": 0.75}, 0.02, GENERAL)
RESULTS = st.tuples(st.integers(0, LINES), st.floats(0, 1), st.integers(0, GENERAL))


def measured(right: int, similarity: float, general: int) -> tuple[float, float, float]:
    return right / LINES, similarity, KNOWN.measure("small", general / GENERAL).excess


def number(result: tuple[float, float, float]) -> float:
    exact, similarity, excess = result
    return score(exact, similarity, LINES, excess, GENERAL)


@given(RESULTS, RESULTS)
def test_numbers_and_keys_order_alike(a: tuple[int, float, int], b: tuple[int, float, int]) -> None:
    one, other = measured(*a), measured(*b)
    keys = rank_key(*one), rank_key(*other)
    if number(one) < number(other):
        assert keys[0] < keys[1]
    if keys[0] < keys[1]:
        assert number(one) <= number(other), "equal only where similarities differ by less than a float"


@given(RESULTS)
def test_what_forgets_too_much_is_below_all_that_does_not(result: tuple[int, float, int]) -> None:
    found = measured(*result)
    assert (number(found) < 0) == bool(found[2]) == (result[2] / GENERAL < 0.75 - 0.02 - 1e-9)
    assert number(found) >= WORST


def test_among_those_that_forget_too_much_less_forgetting_is_better_then_reading() -> None:
    order = [(0.9, 0.9, 0.0), (0.1, 0.5, 0.0), (0.2, 0.9, 1 / 24), (0.9, 0.9, 2 / 24), (0.8, 0.9, 2 / 24)]
    assert sorted(order, key=number, reverse=True) == order
    assert sorted(order, key=lambda r: rank_key(*r), reverse=True) == order


def test_a_fall_by_exactly_the_limit_is_allowed() -> None:
    assert Forgetting({"m": 0.5}, 0.02, 100).measure("m", 0.48).excess == 0
    assert Forgetting({"m": 0.5}, 0.0, 100).measure("m", 0.5).excess == 0
    assert Forgetting({"m": 0.5}, 0.02, 100).measure("m", 0.47).excess == pytest.approx(0.01)


def test_without_a_limit_forgetting_is_only_reported() -> None:
    scores, general = TextScores(LINES, 0.5, 0.8, 0.1), TextScores(GENERAL, 0.1, 0.5, 0.5)
    free, lost = judge(scores, general, "small", Forgetting({"small": 0.75}, None, GENERAL))
    assert lost == (pytest.approx(0.65), 0)
    assert free == judge(scores, None, "small", None)[0] == score(0.5, 0.8, LINES)
    assert judge(scores, general, "small", KNOWN)[0] < 0
    gained, lost = judge(scores, TextScores(GENERAL, 1.0, 1.0, 0.0), "small", KNOWN)
    assert lost == (pytest.approx(-0.25), 0)
    assert gained == free


def test_a_trial_wins_by_an_epoch_that_kept_enough() -> None:
    late = forgetful(trial(0, top=0.9), [0.0, 0.0, 0.01, 0.03, 0.05, 0.05, 0.05, 0.05], limit=0.02)
    assert late.best is not None
    assert late.best.epoch <= 3
    assert late.eligible
    assert late.best.scores.primary < max(m.scores.primary for m in late.history)


def test_trials_that_forgot_too_much_come_last_however_well_they_read() -> None:
    low = forgetful(trial(0, top=0.45), [0.0] * 8, limit=0.02)
    worse, bad = (forgetful(trial(i, top=0.95), [lost] * 8, limit=0.02) for i, lost in ((1, 0.3), (2, 0.1)))
    assert [t.id for t in rank([worse, low, bad])] == [low.id, bad.id, worse.id]
    assert [t.eligible for t in rank([worse, low, bad])] == [True, False, False]
