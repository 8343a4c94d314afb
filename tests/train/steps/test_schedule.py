"""Schedules as pure functions of progress."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.config import ScheduleConfig
from train.steps.schedule import ScheduleHorizon, learning_rate_factor

NAMES = ("constant", "cosine", "warm_restarts", "one_cycle", "wsd")


def factor(progress: float, name: str = "cosine", warmup: float = 0.0, cycles: int = 2) -> float:
    config = ScheduleConfig.model_validate({"name": name, "warmup": warmup, "cycles": cycles})
    return learning_rate_factor(config, progress)


@given(
    name=st.sampled_from(NAMES),
    warmup=st.floats(0, 0.99),
    cycles=st.integers(1, 9),
    progress=st.floats(0, 1),
)
def test_a_factor_is_a_share(name: str, warmup: float, cycles: int, progress: float) -> None:
    assert 0 <= factor(progress, name, warmup, cycles) <= 1


@given(name=st.sampled_from(NAMES), warmup=st.floats(0.05, 0.9))
def test_the_warm_up_rises_to_the_peak_without_a_jump(name: str, warmup: float) -> None:
    rise = max(warmup, 0.3) if name == "one_cycle" else warmup
    values = [factor(p, name, warmup) for p in np.linspace(0, rise - 1e-9, 50)]
    assert values == sorted(values)
    assert values[0] > 0, "a first step at rate 0 is a wasted one"
    assert factor(rise, name, warmup) == pytest.approx(1)
    assert values[-1] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", ["cosine", "one_cycle", "wsd"])
def test_a_falling_schedule_ends_at_nothing(name: str) -> None:
    values = [factor(p, name, 0.3) for p in np.linspace(0.3, 1, 50)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(0)


def test_a_cosine_is_half_way_down_in_the_middle() -> None:
    assert factor(0.6, "cosine", warmup=0.2) == pytest.approx(0.5)


def test_a_constant_rate_stays_after_its_warm_up() -> None:
    assert {factor(p, "constant", 0.1) for p in (0.1, 0.5, 1.0)} == {1.0}


@pytest.mark.parametrize("cycles", [1, 2, 4])
def test_warm_restarts_start_again(cycles: int) -> None:
    starts = [factor(i / cycles + 1e-9, "warm_restarts", cycles=cycles) for i in range(cycles)]
    ends = [factor((i + 1) / cycles - 1e-6, "warm_restarts", cycles=cycles) for i in range(cycles)]
    assert starts == pytest.approx([1.0] * cycles)
    assert ends == pytest.approx([0.0] * cycles, abs=1e-6)
    assert factor(1.0, "warm_restarts", cycles=cycles) == pytest.approx(0)


@given(epochs=st.integers(5, 60), at=st.integers(1, 40), shorter=st.integers(1, 40))
def test_a_run_may_be_cut_while_it_is_stable_and_falls_in_the_last_fifth_of_what_it_gets(
    epochs: int, at: int, shorter: int
) -> None:
    """As the length is fitted to the time; a cosine has come down some way by then, whatever is left."""
    done = min(at, int(0.8 * epochs))
    assert factor(done / epochs - 1e-9, "wsd") == pytest.approx(1)
    cut = ScheduleHorizon(done + shorter, done, done / epochs)
    progress = np.array([cut.progress(epoch) for epoch in range(done, done + shorter + 1)])
    falls = np.array([factor(float(p), "wsd") for p in progress]) < 1 - 1e-6
    assert list(falls) == list(progress > 0.8 + 1e-9)
    assert falls[-1]
