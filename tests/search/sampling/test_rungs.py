"""ASHA's rungs when trials are tried again: at our epochs, and each trial once."""

from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.schedulers import TrialScheduler

from search.records.trial_report import METRIC
from search.sampling.schedulers import halving

MAX_EPOCHS, RUNG = 8, 2


def report(asha: Any, trial: Any, epoch: int, score: float, iteration: int) -> str:
    """Report an epoch, as the so-manieth report of this attempt in Ray's count."""
    row = {"epoch": epoch, METRIC: score, "training_iteration": iteration}
    return str(asha.on_trial_result(None, trial, row))


def try_again(asha: Any, trial: Any) -> None:
    """Do what Tune does with a trial that crashed."""
    asha.on_trial_error(None, trial)
    asha.on_trial_add(None, trial)


@pytest.mark.parametrize("lagging", [0.1, 0.4])
def test_a_repeated_epoch_is_judged_at_its_rung_and_counted_once(lagging: float) -> None:
    asha = halving(MAX_EPOCHS)
    good, late = (SimpleNamespace(trial_id=name) for name in ("good", "late"))
    for trial in (good, late):
        asha.on_trial_add(None, trial)
    assert report(asha, good, 1, 0.3, 1) == TrialScheduler.CONTINUE
    assert report(asha, good, RUNG, 0.5, 2) == TrialScheduler.CONTINUE
    try_again(asha, good)  # the second epoch was reported, but not saved
    assert report(asha, good, RUNG, 0.5, 2) == TrialScheduler.CONTINUE
    try_again(asha, late)  # crashed in its first epoch; Ray counts its reports from the last checkpoint on
    assert report(asha, late, 1, lagging, 3) == TrialScheduler.CONTINUE, "judged before its rung"
    assert report(asha, late, RUNG, lagging, 4) == TrialScheduler.STOP
    recorded = {milestone: dict(scores) for milestone, scores in asha._brackets[0]._rungs}
    assert recorded[RUNG] == {"good": 0.5, "late": lagging}
