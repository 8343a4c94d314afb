"""The Optuna searcher and its clock, without Ray: what is suggested, told, saved and restored."""

import pickle
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from ray.tune.search import Searcher

from search.planning.budget import choose_initial_epochs, plan_epochs
from search.planning.clock import Clock
from search.planning.time_budget import TimeBudget
from search.preflight.cost import Cost
from search.sampling import searcher as searchers
from search.sampling.samplers import tpe
from search.sampling.schedulers import KeptRungs, halving
from search.sampling.searcher import OptunaSearcher
from search.storage import pace
from spaces.space import parse_space
from train.config import TrialConfig, config_from_mapping

SPACE = parse_space(
    """\
fixed: {epochs: 6}
parameters:
  technique.name: {choice: [full, frozen]}
  optimiser.learning_rate: {float: [1.0e-5, 1.0e-2], log: true}
""",
    "some",
    "some.yaml",
)
COSTS = {"pp-ocrv6-tiny": Cost(full=0.01, frozen=0.005, evaluate=0.0)}
POINT = {"technique.name": "frozen", "optimiser.learning_rate": 3e-3}
STATES = optuna.trial.TrialState


def clock(folder: Path, left: float | None = None, usual_s: float | None = None) -> Clock:
    deadline = None if left is None else time.time() + left
    return Clock.start(TimeBudget(deadline, 50, 100, 10, COSTS, usual_s=usual_s), folder)


def searcher(folder: Path, left: float | None = None, usual_s: float | None = None) -> OptunaSearcher:
    return OptunaSearcher(
        SPACE, [POINT], clock(folder, left, usual_s), tpe(SPACE, 0, 1), folder / "optuna.db"
    )


def suggested(search: OptunaSearcher, trial: str) -> TrialConfig:
    config = search.suggest(trial)
    assert isinstance(config, dict)
    return config_from_mapping(config, "test")


def report(score: float, epoch: int = 1, **more: Any) -> dict[str, Any]:
    return {"best_score": score, "epoch": epoch} | more


def database(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name="ocrtune", storage=f"sqlite:///{folder / 'optuna.db'}").trials


def test_the_warm_start_comes_first_and_no_two_suggestions_are_the_same(tmp_path: Path) -> None:
    search = searcher(tmp_path)
    configs = [suggested(search, str(i)) for i in range(12)]
    assert (configs[0].technique.name, configs[0].optimiser.learning_rate) == ("frozen", 3e-3)
    assert len({config.model_dump_json() for config in configs}) == 12
    assert {config.epochs for config in configs} == {6}


def test_what_became_of_a_trial_reaches_the_database(tmp_path: Path) -> None:
    search = searcher(tmp_path)
    for trial in ("good", "diverged", "crashed", "silent"):
        suggested(search, trial)
    for epoch, score in enumerate((0.3, 0.5, 0.5), 1):
        search.on_trial_result("good", report(score, epoch))
    search.on_trial_complete("good", report(0.5, 3))
    search.on_trial_complete("diverged", report(0.0, 0, diverged=True))
    search.on_trial_complete("crashed", report(0.4), error=True)
    search.on_trial_complete("silent", None)
    good, diverged, crashed, silent = database(tmp_path)
    assert (good.state, good.value, good.intermediate_values) == (
        STATES.COMPLETE,
        0.5,
        {1: 0.3, 2: 0.5, 3: 0.5},
    )
    assert good.params == POINT
    assert (diverged.state, diverged.value) == (STATES.PRUNED, None)
    assert (crashed.state, crashed.value) == (STATES.FAIL, None)
    assert silent.state == STATES.FAIL


def test_a_trial_of_some_folds_alone_is_not_compared_with_whole_ones(tmp_path: Path) -> None:
    """It was stopped for being worse, and what it was scored on may be easier than the rest."""
    search = searcher(tmp_path)
    for trial, done, score in (("stopped", 1, 0.9), ("whole", 5, 0.7)):
        suggested(search, trial)
        told = report(score, done, fold=done, folds=5)
        search.on_trial_result(trial, told)
        search.on_trial_complete(trial, told)
    stopped, whole = database(tmp_path)
    assert (stopped.state, stopped.intermediate_values) == (STATES.PRUNED, {1: 0.9})
    assert (whole.state, whole.value) == (STATES.COMPLETE, 0.7)


@pytest.mark.filterwarnings("error:The reported value")
def test_an_epoch_that_is_trained_again_is_told_once(tmp_path: Path) -> None:
    """A machine may be lost after an epoch was told and before Tune knew its checkpoint; Optuna would warn."""
    search = searcher(tmp_path)
    suggested(search, "lost")
    for score in (0.3, 0.4):
        search.on_trial_result("lost", report(score))
    search.on_trial_complete("lost", report(0.4))
    [lost] = database(tmp_path)
    assert lost.intermediate_values == {1: 0.3}


def test_a_trial_that_a_restored_state_does_not_know_is_let_be(tmp_path: Path) -> None:
    search = searcher(tmp_path)
    search.on_trial_result("unknown", report(0.3))
    search.on_trial_complete("unknown", report(0.3))


def test_a_restored_searcher_goes_on_as_the_saved_one_would(tmp_path: Path) -> None:
    first = searcher(tmp_path)
    for trial in ("a", "b", "c"):
        suggested(first, trial)
    first.on_trial_complete("a", report(0.4))
    first.save(str(tmp_path / "state"))
    (tmp_path / "other").mkdir()
    second = searcher(tmp_path / "other")
    second.restore(str(tmp_path / "state"))
    assert [suggested(second, t) for t in ("d", "e")] == [suggested(first, t) for t in ("d", "e")]
    second.on_trial_result("b", report(0.6, 2))
    second.on_trial_complete("b", report(0.6, 2))
    states = [trial.state for trial in database(tmp_path / "other")]
    assert states == [STATES.COMPLETE, STATES.COMPLETE, STATES.RUNNING, STATES.RUNNING, STATES.RUNNING]


def test_a_trials_length_is_fitted_to_the_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    # A frozen epoch takes 0.5 s: 20 s hold 36, of which a trial asks for 6; two share 4 s, where it usually takes 2:
    # 3 are expected to fit, it begins with 5.
    assert suggested(searcher(tmp_path, 20), "a").epochs == 6
    assert suggested(searcher(tmp_path, 4, usual_s=2.0), "a").epochs == 5
    assert searcher(tmp_path, 1).suggest("a") == Searcher.FINISHED
    assert searcher(tmp_path, -1).suggest("a") == Searcher.FINISHED


def unpickled(data: bytes) -> Any:
    return pickle.loads(data)  # noqa: S301 - of this very test


def test_a_pickled_clock_has_the_time_of_the_run_that_reads_it(tmp_path: Path) -> None:
    begun = time.time()
    pickled = pickle.dumps(clock(tmp_path, 5, 2.0))
    ended = time.time()
    later = clock(tmp_path, 500, 150.0)
    restored = unpickled(pickled)
    assert restored.deadline == later.deadline
    assert restored.budget.usual_s == 150, "trials are as long as the new time allows"
    assert restored.budget.costs == COSTS
    clock(tmp_path, None)
    assert unpickled(pickled).deadline is None
    (tmp_path / "clock.json").write_text('{"deadline": 9.0}', encoding="utf-8")
    assert unpickled(pickled).budget.usual_s == 2, "of a version that noted none"
    (tmp_path / "clock.json").unlink()
    assert begun + 5 <= unpickled(pickled).deadline <= ended + 5


class FakeTrial:
    """As much of a Tune trial as a scheduler looks at."""

    def __init__(self, trial_id: str) -> None:
        self.trial_id = trial_id


def test_a_resumed_scheduler_remembers_its_rungs() -> None:
    first, second = halving(4), halving(4)
    keeps, restores = KeptRungs(first), KeptRungs(second)
    for scheduler, trial, score in ((first, "a", 0.8), (first, "b", 0.9)):
        scheduler.on_trial_add(None, FakeTrial(trial))
        assert scheduler.on_trial_result(None, FakeTrial(trial), report(score)) == "CONTINUE"
    restores.set_state(unpickled(pickle.dumps(keeps.get_state())))
    for scheduler, expected in ((second, "STOP"), (halving(4), "CONTINUE")):
        scheduler.on_trial_add(None, FakeTrial("c"))
        assert scheduler.on_trial_result(None, FakeTrial("c"), report(0.5)) == expected


def test_a_teacher_takes_the_time_in_which_it_reads() -> None:
    """A candidate's was measured; any other's is taken to be that of a student's step."""
    costs = {
        "pp-ocrv6-tiny": Cost(full=0.1, frozen=0.1, evaluate=0.0),
        "pp-ocrv6-small": Cost(full=1.0, frozen=1.0, evaluate=0.3),
    }
    budget = TimeBudget(1000.0, 100, 100, 10, costs)

    def epochs(**technique: Any) -> int:
        settings = {"model": "pp-ocrv6-tiny", "epochs": 100, "technique": technique}
        return budget.epochs_for(config_from_mapping(settings, "test"), now=0.0)

    def fitting(epoch_seconds: float) -> int:
        return choose_initial_epochs(plan_epochs(epoch_seconds, 1000, 100), 100)

    assert epochs(name="full") == fitting(10)
    assert epochs(name="distill", options={"teacher": "pp-ocrv6-small"}) == fitting(40)
    assert epochs(name="distill", options={"teacher": "/some/best"}) == fitting(20)


def test_trials_of_one_length_do_not_fit_it_themselves() -> None:
    """A population, whose trials go on from each other's checkpoints, and folds, which are one after the other."""
    settings, now = TrialConfig(epochs=100), 100.0

    def budget(**how: Any) -> TimeBudget:
        return TimeBudget(1100.0, 100, 1000, 10, COSTS, **how)

    assert budget().deadline_for(settings, now) == 1100
    assert budget(usual_s=500.0).deadline_for(settings, now) == 600
    assert budget(usual_s=20.0).deadline_for(settings, now) == 1100, (
        "a share that is too short for any: all of the time"
    )
    assert budget().epochs_for(settings, now) == choose_initial_epochs(plan_epochs(10, 1000, 100), 100)
    for how in ({"turns": 1.0}, {"folds": 2}):
        assert budget(**how).deadline_for(settings, now) is None
    assert budget(folds=2).epochs_for(settings, now) == plan_epochs(20, 1000, 100)
    assert budget(turns=1.0).epochs_for(settings, now) == plan_epochs(10, 1000, 100)
    endless = TimeBudget(None, 100, 1000, 10, COSTS)
    assert (endless.deadline_for(settings, now), endless.epochs_for(settings, now)) == (None, 100)


def test_the_database_takes_a_small_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written anew each time; after the first it waits, but for the last trial."""
    written: list[int] = []
    now = [0.0]

    def write(study: optuna.Study, path: Path) -> None:
        now[0] += 0.2
        written.append(sum(trial.state.is_finished() for trial in study.trials))

    monkeypatch.setattr(searchers, "write_optuna_database", write)
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: now[0]))
    search = searcher(tmp_path)
    for trial in "abcd":
        suggested(search, trial)
    for trial in "abcd":
        search.on_trial_complete(trial, report(0.5))
    assert written == [1, 4]
