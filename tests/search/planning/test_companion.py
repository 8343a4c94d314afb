"""A place for all samples: only where something comes of it, and the trials keep to the others until it is free."""

import pickle
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from search.experiment.tuner import FreedPlace
from search.planning.clock import Clock, read_concurrent
from search.planning.companion import plan_companion
from search.planning.time_budget import TimeBudget
from search.preflight.cost import Cost
from search.sampling.samplers import SAMPLERS
from search.sampling.searcher import OptunaSearcher
from search.settings import StudySettings
from spaces.space import load_space
from tests.search.planning.test_plan import probe

MODEL = "pp-ocrv6-tiny"
SPACE = load_space("recognition").with_fixed({"model": MODEL, "synthetic": 0.0})
STUDY = StudySettings(name="some", storage="runs", time_budget_s=600, folds=1)


def budget(left: float, usual: float, max_epochs: int = 30, slower: float = 1) -> TimeBudget:
    cost = Cost(full=slower * 0.03, frozen=slower * 0.02, evaluate=slower * 0.01, keep=1)
    return TimeBudget(left, max_epochs, 200, 120, {MODEL: cost}, usual_s=usual)


@pytest.mark.parametrize(
    ("given", "changes", "epochs"),
    [
        (budget(200, 200), {}, 27),
        (budget(400, 133), {}, 30),
        (budget(4000, 1333), {}, 30),
        (budget(700, 234), {}, 30),
        (budget(200, 200, max_epochs=8), {}, 8),
        (budget(200, 200, slower=9), {}, None),
        (budget(30, 30), {}, None),
        (budget(200, 200), {"trials": 4}, None),
        (budget(200, 200), {"folds": 5}, None),
        (budget(200, 200), {"refit": False}, None),
        (budget(200, 200), {"max_forgetting": 0.1}, None),
        (budget(200, 200), {"task": "detection"}, None),
    ],
)
def test_all_samples_are_trained_on_beside_the_trials_however_many_there_is_time_for(
    given: TimeBudget, changes: dict[str, Any], epochs: int | None
) -> None:
    settings, first = STUDY.model_copy(update=changes), SPACE.warm_starts_for(200)[0]
    probes = [replace(probe(MODEL, {0: 0.5}), cost=given.costs[MODEL])]
    found = plan_companion(settings, SPACE, first, given, probes, now=0)
    assert (found and found.epochs) == epochs


def test_trials_have_the_place_too_when_what_is_beside_them_has_ended(
    tmp_path: Path, local_cluster: None
) -> None:
    clock = Clock.start(budget(200, 200), tmp_path, places=1)
    runs = ray.remote(num_cpus=0)(lambda: time.sleep(600)).remote()
    freed = FreedPlace(clock, runs)
    freed.on_step_begin(1, [])
    assert clock.places == 1
    ray.cancel(runs, force=True)
    ray.wait([runs])
    freed.on_step_begin(2, [])
    assert clock.places is None
    pickle.loads(pickle.dumps(freed)).on_step_begin(3, [])  # noqa: S301 - as Tune does


def test_trials_keep_to_their_places_until_the_study_is_resumed(tmp_path: Path) -> None:
    clock = Clock.start(replace(budget(200, 200), deadline=None), tmp_path, places=1)
    sampler = SAMPLERS["random"](SPACE, 0, 0)
    searcher = OptunaSearcher(SPACE, [], clock, sampler, tmp_path / "optuna.db")
    assert searcher.suggest("a") is not None
    assert searcher.suggest("b") is None
    searcher.on_trial_complete("a", None, error=True)
    assert searcher.suggest("b") is not None
    Clock.start(clock.budget, tmp_path)
    clock.__setstate__(clock.__dict__)
    assert searcher.suggest("c") is not None
    assert read_concurrent(tmp_path) is None
    Clock.start(clock.budget, tmp_path, concurrent=3)
    assert read_concurrent(tmp_path) == 3
