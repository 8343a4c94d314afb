"""A run's length, fitted to the time while it runs: the schedule ends, and what has been done is not forgotten."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.real_lines import config, few_lines, run
from train.loop import TrainingData, _fit_horizon
from train.steps.schedule import EPOCHS, FITTED_AT, MARGIN, ScheduleHorizon

lengths = st.integers(1, 60)
epoch_seconds = st.lists(st.floats(0.01, 100), min_size=60, max_size=60)


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return few_lines(data_dir)


@given(lengths, st.floats(0, 60))
def test_without_a_limit_progress_is_the_share_of_the_epochs_to_the_last_bit(
    epochs: int, done: float
) -> None:
    assert ScheduleHorizon(epochs).progress(done) == done / epochs
    assert ScheduleHorizon(epochs).metrics() == {}


@given(lengths, st.floats(1, 3000), epoch_seconds)
def test_a_schedule_always_ends_and_never_goes_back(most: int, left: float, seconds: list[float]) -> None:
    horizon, now = ScheduleHorizon(most), 0.0
    for epoch in range(1, most + 1):
        before, now = horizon, now + seconds[epoch - 1]
        horizon = horizon.fit_to_time(epoch, seconds[epoch - 1], left - now, most)
        assert (
            horizon.progress(epoch) == pytest.approx(before.progress(epoch))
            if epoch < horizon.epochs
            else True
        )
        assert horizon.progress(horizon.epochs) == pytest.approx(1) if epoch < horizon.epochs else True
        assert epoch <= horizon.epochs <= most
        assert before.progress(epoch) - before.progress(epoch - 1) >= 1 / most - 1e-9
        rest = horizon.epochs - epoch
        assert rest <= 1 or rest * MARGIN * seconds[epoch - 1] <= left - now
        assert ScheduleHorizon.from_metrics(horizon.metrics(), most) == horizon
        if epoch == horizon.epochs:
            return
    pytest.fail("the run has no end")


def test_a_run_that_is_too_slow_becomes_shorter_and_one_that_recovers_longer_again() -> None:
    slow = ScheduleHorizon(20).fit_to_time(1, 10.0, 100.0, 20)
    assert slow == ScheduleHorizon(epochs=10, since=1, at=1 / 20)
    assert slow.progress(1) == pytest.approx(1 / 20)
    assert slow.progress(10) == pytest.approx(1)
    assert slow.fit_to_time(2, 10.0, 89.0, 20) is slow
    assert slow.fit_to_time(2, 1.0, 89.0, 20).epochs == 2 + int((1 - slow.progress(2)) * 20) == 18
    assert slow.fit_to_time(9, 10.0, 1.0, 20) is slow, "the last epoch of a schedule is always run"


def test_the_slowest_worker_decides_for_all() -> None:
    class Slower:
        def gather(self, items: list[tuple[float, float]]) -> list[tuple[float, float]]:
            return [*items, (8.0, 50.0)]

    class Faster:
        def gather(self, items: list[tuple[float, float]]) -> list[tuple[float, float]]:
            return [*items, (0.1, 90.0)]

    def length(engine: Any, seconds: float, left: float) -> int:
        return _fit_horizon(ScheduleHorizon(20), engine, 1, seconds, time.time() + left, 20).epochs

    assert length(Slower(), 0.1, 90) == length(Faster(), 8.0, 50) == 1 + int(50 / (MARGIN * 8))


@pytest.mark.slow
def test_training_ends_in_time_with_its_schedule_at_its_end(data: TrainingData) -> None:
    """Of thousands of epochs some dozen fit."""
    run(config(epochs=1), data)  # the first one loads the framework
    reports = run(config(epochs=4000), data, deadline=time.time() + 3)
    last, _ = reports[-1]
    assert 2 <= last["epoch"] == last[EPOCHS] < 4000
    assert last[FITTED_AT] < 1
    assert [checkpoint.config.epochs for _, checkpoint in reports] == [
        m.get(EPOCHS, 4000) for m, _ in reports
    ]


def test_time_enough_changes_nothing(data: TrainingData) -> None:
    settings = config(epochs=2)
    plain, timed = run(settings, data), run(settings, data, deadline=time.time() + 1e6)
    assert [m["loss"] for m, _ in plain] == [m["loss"] for m, _ in timed]
    assert not any(EPOCHS in metrics for metrics, _ in timed)


@pytest.mark.slow
def test_a_fitted_run_goes_on_where_it_was(data: TrainingData) -> None:
    """Bit for bit, if the time says the same."""
    settings, horizon = config(epochs=9), ScheduleHorizon(3, 1, 1 / 9)
    first = run(settings, data, deadline=time.time() - 1e6)
    assert [m["epoch"] for m, _ in first] == [1, 2], "one epoch to end the schedule"
    checkpoint = replace(first[0][1], metrics=first[0][1].metrics | horizon.metrics())
    whole, again = (run(settings, data, resume=checkpoint) for _ in range(2))
    assert [m["epoch"] for m, _ in whole] == [2, 3]
    assert [m["loss"] for m, _ in whole] == [m["loss"] for m, _ in again]
    last = run(settings, data, resume=whole[0][1])
    assert [(m["epoch"], m["loss"]) for m, _ in last] == [(3, whole[1][0]["loss"])]
