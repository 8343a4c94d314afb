"""When a trial is stopped: the rules on made results, without Ray."""

import pickle
import time
from pathlib import Path
from typing import Any, get_args

import pytest

from search.planning.clock import Clock
from search.planning.time_budget import TimeBudget
from search.preflight.cost import Cost
from search.sampling.schedulers import SCHEDULERS, KeptRungs, below_median, brackets, by_median, halving
from search.settings import Scheduler
from spaces.space import load_space
from train.config import TrialConfig

SPACE = load_space("quick").with_fixed({"seed": 0})


class FakeTrial:
    """As much of a Tune trial as a scheduler looks at."""

    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id
        self.config = TrialConfig().model_dump(mode="json")


def decision(scheduler: Any, trial: str, epoch: int, score: float) -> str:
    return str(scheduler.on_trial_result(None, FakeTrial(trial), {"epoch": epoch, "best_score": score}))


def test_every_scheduler_that_can_be_asked_for_is_there() -> None:
    assert set(SCHEDULERS) == set(get_args(Scheduler))
    for make in SCHEDULERS.values():
        for longest in (1, 2, 5, 12):  # epochs, or folds
            make(longest, SPACE, (40,), None)


def test_without_a_scheduler_no_trial_is_stopped() -> None:
    scheduler = SCHEDULERS["none"](3, SPACE, (), None)
    for trial, score in zip("abcd", (0.9, 0.9, 0.9, 0.0), strict=True):
        assert decision(scheduler, trial, 3, score) == "CONTINUE"


@pytest.mark.parametrize(
    ("others", "stopped"),
    [([0.5, 0.6], False), ([0.5, 0.6, 0.7], True), ([0.1, 0.3, 0.9], False), ([], False)],
)
def test_the_median_of_at_least_three_others_decides(others: list[float], stopped: bool) -> None:
    assert below_median(0.3, others) == stopped


def test_the_median_rule_compares_the_same_epoch_and_leaves_a_quarter_alone() -> None:
    scheduler = by_median(8)
    for trial, score in (("a", 0.6), ("b", 0.7), ("c", 0.8)):
        for epoch in (1, 2, 3):
            assert decision(scheduler, trial, epoch, score) == "CONTINUE"
    assert decision(scheduler, "d", 1, 0.1) == "CONTINUE"
    assert decision(scheduler, "d", 2, 0.1) == "STOP"
    assert decision(scheduler, "e", 4, 0.1) == "CONTINUE", "nobody else has come so far"


def test_a_resumed_median_rule_remembers_the_others() -> None:
    first, second = by_median(4), by_median(4)
    for trial in "abc":
        decision(first, trial, 1, 0.8)
    KeptRungs(second).set_state(pickle.loads(pickle.dumps(KeptRungs(first).get_state())))  # noqa: S301 - our own
    assert decision(second, "d", 1, 0.5) == "STOP"
    assert decision(by_median(4), "d", 1, 0.5) == "CONTINUE"


def test_hyperband_starts_from_a_ninth_a_third_and_all_of_the_longest_trial() -> None:
    rungs = [[milestone for milestone, _ in bracket._rungs] for bracket in brackets(27)._brackets]
    assert rungs == [[27, 9, 3], [27, 9], [27]]


@pytest.mark.parametrize(
    ("task", "best", "behind", "decided"),
    [
        ("recognition", 1.009, 0.989, "CONTINUE"),  # all of 50 right and surer of it, all but one
        ("recognition", 1.009, 0.969, "STOP"),
        ("detection", 1.0, 0.99, "STOP"),
    ],
)
def test_a_single_sample_stops_no_trial(task: str, best: float, behind: float, decided: str) -> None:
    scheduler: Any = SCHEDULERS["asha"](8, SPACE.with_fixed({"task": task}), (50,), None)
    for trial in "ab":
        scheduler.on_trial_add(None, FakeTrial(trial))
    assert decision(scheduler, "a", 2, best) == "CONTINUE"
    assert decision(scheduler, "b", 2, behind) == decided


def test_asha_stops_who_lags_by_more_than_a_standard_error() -> None:
    """At 0.8 of 100 samples that is 0.04."""
    scheduler = halving(8, (100,))
    for trial in "abc":
        scheduler.on_trial_add(None, FakeTrial(trial))
    assert decision(scheduler, "a", 2, 0.80) == "CONTINUE"
    assert decision(scheduler, "b", 2, 0.761) == "CONTINUE"
    assert decision(scheduler, "c", 2, 0.73) == "STOP"


@pytest.mark.parametrize(
    ("left_s", "usual_s", "decided"),
    [
        (500, 100, "STOP"),
        (80, 100, "STOP"),
        (60, 100, "CONTINUE"),
        (500, 900, "STOP"),
        (200, 900, "CONTINUE"),
    ],
)
def test_no_trial_stops_where_nothing_could_follow_it(
    tmp_path: Path, left_s: float, usual_s: float, decided: str
) -> None:
    """The usual time of a trial counts, or that of the longest one: 8 epochs of 50 s."""
    model = TrialConfig().model
    costs = {model: Cost(full=0.5, frozen=0.5, evaluate=0)}
    budget = TimeBudget(time.time() + left_s, 8, 100, 0, costs, usual_s=usual_s)
    scheduler = halving(8, (100,), Clock(budget, tmp_path / "clock.json"))
    for trial in "ab":
        scheduler.on_trial_add(None, FakeTrial(trial))
    assert decision(scheduler, "a", 2, 0.80) == "CONTINUE"
    assert decision(scheduler, "b", 2, 0.50) == decided
    recorded = {milestone: dict(scores) for milestone, scores in scheduler._brackets[0]._rungs}
    assert recorded[2] == {"a": 0.80, "b": 0.50}, "whoever comes later is compared with it"


def test_a_rung_over_folds_has_the_margin_of_the_samples_that_it_has_read() -> None:
    """At 0.8 of the 16 samples of the first fold that is 0.1, of the 100 of all five 0.04."""
    scheduler = halving(5, (16, 37, 58, 79, 100))
    for trial in "abcd":
        scheduler.on_trial_add(None, FakeTrial(trial))
    assert decision(scheduler, "a", 1, 0.80) == "CONTINUE"
    assert decision(scheduler, "b", 1, 0.71) == "CONTINUE"
    assert decision(scheduler, "a", 4, 0.80) == "CONTINUE"
    assert decision(scheduler, "b", 4, 0.74) == "STOP"
