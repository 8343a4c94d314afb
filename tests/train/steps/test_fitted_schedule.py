"""A run's length, fitted to the time while it runs: the schedule ends, and what has been done is not forgotten."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.real_lines import config, few_lines, run
from train.config import TrialConfig
from train.loop import TrainingData
from train.steps.schedule import EPOCHS, FITTED_AT, LEAST_SHARE, MARGIN, ScheduleHorizon, fit_horizon

SETTINGS = TrialConfig()
lengths = st.integers(1, 60)
epoch_seconds = st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 20)), min_size=60, max_size=60)


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    return few_lines(data_dir)


@given(lengths, st.floats(0, 60))
def test_without_a_limit_progress_is_the_share_of_the_epochs_to_the_last_bit(
    epochs: int, done: float
) -> None:
    assert ScheduleHorizon(epochs).progress(done) == done / epochs
    assert ScheduleHorizon(epochs).metrics() == {}


@given(lengths, st.floats(1, 3000), st.integers(1, 50), epoch_seconds)
def test_a_schedule_always_ends_and_never_goes_back(
    most: int, left: float, batches: int, seconds: list[tuple[float, float]]
) -> None:
    horizon, now, seen = ScheduleHorizon(most), 0.0, 0.0
    for epoch in range(1, most + 1):
        whole, read = seconds[epoch - 1]
        share = horizon.count_batches(epoch, batches) / batches
        before, now, seen = horizon, now + share * whole + read, seen + share
        horizon = horizon.fit_to_time(epoch, share * whole, read, left - now, most, batches)
        assert (
            horizon.progress(epoch) == pytest.approx(before.progress(epoch))
            if epoch < horizon.epochs
            else True
        )
        assert horizon.progress(horizon.epochs) == pytest.approx(1) if epoch < horizon.epochs else True
        assert epoch <= horizon.epochs <= most
        assert before.progress(epoch) - before.progress(epoch - 1) >= 1 / most - 1e-9
        rest = horizon.epochs - epoch
        share = horizon.count_batches(epoch + 1, batches) / batches
        assert rest <= 1 or rest * MARGIN * (share * whole + read) <= left - now + 1e-6
        assert LEAST_SHARE <= share <= 1
        assert ScheduleHorizon.from_metrics(horizon.metrics(), most) == horizon
        if epoch == horizon.epochs:
            assert horizon.as_trained(SETTINGS).epoch_share * epoch == pytest.approx(seen, rel=0.01)
            return
    pytest.fail("the run has no end")


def test_a_run_that_is_too_slow_becomes_shorter_and_one_that_recovers_longer_again() -> None:
    slow = ScheduleHorizon(20).fit_to_time(1, 9.0, 1.0, MARGIN * 90, 20, 40)
    assert slow == ScheduleHorizon(epochs=10, since=1, at=1 / 20, seen=1)
    assert slow.progress(1) == pytest.approx(1 / 20)
    assert slow.progress(10) == pytest.approx(1)
    assert slow.fit_to_time(2, 9.0, 1.0, MARGIN * 80, 20, 40) is slow
    assert (
        slow.fit_to_time(2, 1.0, 0.0, MARGIN * 89, 20, 40).epochs
        == 2 + int((1 - slow.progress(2)) * 20)
        == 18
    )
    last = slow.fit_to_time(9, 9.0, 1.0, 1.0, 20, 40)
    assert (last.epochs, last.share) == (10, LEAST_SHARE), "the last epoch of a schedule is always run"


def test_no_time_is_left_over_where_epochs_are_long() -> None:
    """Of 100 s each, 20 of them to read; 240 s are left after the first."""
    long = ScheduleHorizon(30).fit_to_time(1, 80.0, 20.0, MARGIN * 240, 30, 40)
    assert (long.epochs, long.share) == (4, pytest.approx(0.75)), "not two whole ones"
    assert long.count_batches(2, 40) == 30
    assert long.fit_to_time(2, 60.0, 20.0, MARGIN * 160, 30, 40) is long
    assert ScheduleHorizon(30).fit_to_time(1, 80.0, 20.0, MARGIN * 210, 30, 40).share == 1, (
        "10 s go to no reading"
    )
    few = SETTINGS.model_copy(update={"epoch_share": 3.2e-5})
    assert ScheduleHorizon(30).as_trained(few).epoch_share == 3.2e-5, "what was not fitted stays"
    assert 0 < long.as_trained(few).epoch_share < 3.2e-5
    trained = long.as_trained(SETTINGS)
    assert (trained.epochs, trained.epoch_share) == (4, round((1 + 3 * 0.75) / 4, 4))


def test_the_slowest_worker_decides_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)

    class Slower:
        def gather(self, items: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
            return [*items, (7.0, 1.0, 42.0)]

    class Faster:
        def gather(self, items: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
            return [*items, (0.1, 0.1, 90.0)]

    def length(engine: Any, took: tuple[float, float], left: float) -> int:
        until = time.time() + left
        return fit_horizon(ScheduleHorizon(20), engine, 1, took, until, most=20, batches=40).epochs

    assert length(Slower(), (0.1, 0.1), 90) == length(Faster(), (7.0, 1.0), 42) == 1 + 5


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
