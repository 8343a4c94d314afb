"""What `benchmarks/scale.py` decides without a clock and without Ray."""

import pytest

from benchmarks.searches.scale_driver import cost_of, limit
from benchmarks.searches.scale_plot import decade_ticks
from benchmarks.searches.scale_simulation import Curve, Found, least_seconds, simulate, target

GOOD = Curve("torch", "full", 5e-4, (0.5, 0.7, 0.896, 0.9), (10.0, 10.0, 10.0, 10.0))
ARMS = [(engine, technique) for engine in ("paddle", "torch") for technique in (
    "full", "frozen", "discriminative", "gradual", "lora", "distill",
)]  # fmt: skip
CURVES = [
    GOOD if arm == ("torch", "full") else Curve(*arm, 5e-4, (0.5, 0.5, 0.6, 0.6), (1.0, 1.0, 1.0, 1.0))
    for arm in ARMS
]


def test_a_score_falls_off_beside_the_recorded_rate() -> None:
    assert GOOD.score(4, 5e-4, width=0.3) == pytest.approx(0.9)
    assert 0.5 < GOOD.score(4, 1e-3, width=0.3) < 0.8
    assert GOOD.score(4, 1e-3, width=0.05) == pytest.approx(0.5)
    assert GOOD.score(1, 1e-3, width=0.3) == 0.5


def test_no_search_is_quicker_than_the_trial_that_it_looks_for() -> None:
    assert target(CURVES) == pytest.approx(0.891)
    assert least_seconds(CURVES) == 30.0
    assert simulate(32, CURVES, 0.3, "random", 0).seconds >= 30.0


def test_a_seed_decides_everything() -> None:
    def told(found: Found) -> tuple[float, int, int]:
        return found.seconds, found.trials, found.reports

    first, again, other = (simulate(2, CURVES, 0.3, "tpe", seed) for seed in (0, 0, 1))
    assert told(first) == told(again)
    assert told(first) != told(other)


def test_what_a_trial_and_a_report_take_explains_both_measurements() -> None:
    cost = cost_of([(60, 60, 60 * 0.2 + 60 * 0.01), (6, 600, 6 * 0.2 + 600 * 0.01)])
    assert (cost.trial, cost.report) == (pytest.approx(0.2), pytest.approx(0.01))
    assert cost.load(trials=10, reports=100, seconds=10) == pytest.approx(0.3)


def test_the_limit_is_where_the_driver_is_always_busy() -> None:
    assert limit([(1, 0.01), (100, 0.5), (200, 1.5)]) == 150
    assert limit([(1, 0.01), (100, 0.5)]) == 200
    assert limit([(10, 2.0)]) == 5


def test_ticks_enclose_what_is_drawn() -> None:
    assert decade_ticks(2.5, 120) == [1, 3, 10, 30, 100, 300]
