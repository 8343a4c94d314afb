"""When the time is over: no epoch begins that would end late, and one that is late may end."""

import time
from pathlib import Path

import pytest

from search.experiment.tuner import OutOfTime
from search.planning.clock import Clock
from search.planning.time_budget import TimeBudget
from search.records.trial_report import EPOCH_SECONDS


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)


def stopper(tmp_path: Path, left_s: float | None, late_s: float = 50, folds: int = 1) -> OutOfTime:
    deadline = None if left_s is None else time.time() + left_s
    budget = TimeBudget(deadline, 9, 100, 10, folds=folds, late_s=late_s)
    return OutOfTime(Clock(budget, tmp_path / "clock.json"))


@pytest.mark.parametrize(
    ("folds", "left_s", "stopped"),
    [
        (5, 200, False),
        (5, 80, False),
        (5, 50, True),
        (5, -5, True),
        (5, None, False),
        (1, 50, False),
        (1, -5, True),
    ],
)
def test_nothing_begins_that_would_end_a_quarter_late_but_an_epoch_that_was_fitted(
    tmp_path: Path, folds: int, left_s: float | None, stopped: bool
) -> None:
    assert stopper(tmp_path, left_s, folds=folds)("a", {EPOCH_SECONDS: 100.0}) == stopped


@pytest.mark.parametrize(
    ("left_s", "late_s", "over"),
    [(20, 50, False), (-10, 50, False), (-40, 50, True), (-10, 5, True), (-3, 5, False), (None, 50, False)],
)
def test_an_epoch_that_was_begun_in_time_may_take_a_quarter_longer(
    tmp_path: Path, left_s: float | None, late_s: float, over: bool
) -> None:
    stop = stopper(tmp_path, left_s, late_s)
    stop("a", {EPOCH_SECONDS: 100.0})
    assert stop.stop_all() == over


def test_the_longest_epoch_of_those_that_run_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = stopper(tmp_path, left_s=-10)
    stop("large", {EPOCH_SECONDS: 100.0})
    stop("tiny", {EPOCH_SECONDS: 1.0})
    assert not stop.stop_all()
    later = time.time() + 300
    monkeypatch.setattr(time, "time", lambda: later)
    assert stopper(tmp_path, left_s=-10)._list_running() == {}
    stop("tiny", {EPOCH_SECONDS: 1.0})
    assert list(stop._list_running()) == ["tiny"], "the large one has ended"


def test_where_nothing_was_reported_the_deadline_holds(tmp_path: Path) -> None:
    assert stopper(tmp_path, -3).stop_all()
    assert not stopper(tmp_path, 30).stop_all()
