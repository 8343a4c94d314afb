"""The Ray Tune experiment of a study: what asks, stops, keeps, writes down and survives."""

import time
from collections.abc import Callable
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from search.files import DATABASE, JOURNAL
from search.incidents import RETRIES, Incidents
from search.journal import Journal
from search.keep import KeepNeeded
from search.plan import Plan
from search.probe import Probe
from search.progress import ProgressLines
from search.searcher import METRIC, Clock, OptunaSearcher
from search.settings import DEFAULT_TRIALS, Scheduler, StudySettings
from search.snapshot import Snapshots, restore
from search.storage import Location, PublishedFiles, location
from search.storage_errors import storage_errors
from search.summary import baseline_said
from search.tracking import trackers
from search.trial import TrialSetup, run_trial

GRACE_SHARE, REDUCTION = 0.25, 2


def search(
    settings: StudySettings, plan: Plan, setup: TrialSetup, probes: list[Probe], resume: bool
) -> tune.ResultGrid:
    """Run, or go on with, the Ray Tune experiment; raise StorageError where its files cannot be written."""
    trainable = tune.with_resources(tune.with_parameters(run_trial, setup=setup), plan.resources)
    experiment = location(settings)
    if resume and not settings.remote:  # there, a file is replaced whole or not at all
        restore(settings.local_folder)
    if resume and has_trials(experiment):
        tuner = tune.Tuner.restore(
            experiment.path,
            trainable,
            resume_unfinished=True,
            resume_errored=False,
            storage_filesystem=experiment.filesystem,
        )
    else:
        tuner = new_tuner(settings, plan, probes, trainable, experiment)
    with storage_errors():
        return tuner.fit()


def new_tuner(
    settings: StudySettings, plan: Plan, probes: list[Probe], trainable: Any, experiment: Location
) -> tune.Tuner:
    """Return a new experiment."""
    database = settings.local_folder / DATABASE
    searcher = OptunaSearcher(plan.space, plan.points, plan.clock, settings.seed, database)
    scheduler = SCHEDULERS[settings.scheduler](plan.clock.max_epochs)
    return tune.Tuner(
        trainable,
        tune_config=tune_config(settings, plan, searcher, scheduler),
        run_config=run_config(settings, plan, experiment, callbacks(settings, plan, probes, scheduler)),
    )


def callbacks(
    settings: StudySettings, plan: Plan, probes: list[Probe], scheduler: TrialScheduler
) -> list[tune.Callback]:
    """Return all that follows the trials; the journal is written before it is copied."""
    folder, baselines = settings.local_folder, [b for p in probes for b in p.baselines]
    known = {"baselines": [baseline_said(b) for b in baselines], "max_epochs": plan.clock.max_epochs}
    return [
        ProgressLines(plan.clock, max(baseline.scores.primary for baseline in baselines)),
        KeptRungs(scheduler),
        KeepNeeded(),
        Incidents(folder),
        Journal(folder / JOURNAL, known),
        PublishedFiles(settings) if settings.remote else Snapshots(folder),
        *trackers(settings, plan.clock.train_lines),
    ]


def has_trials(experiment: Location) -> bool:
    """Return whether a Tune experiment lies there that had begun a trial; Tune cannot restore one without."""
    place = {"storage_filesystem": experiment.filesystem}
    if not tune.Tuner.can_restore(experiment.path, **place):
        return False
    try:
        return bool(tune.ExperimentAnalysis(experiment.path, **place).trials)
    except ValueError:  # no snapshot yet
        return False


def halving(max_epochs: int) -> ASHAScheduler:
    """Return what stops the worse half of the trials at every rung (ASHA, Li et al., 2020)."""
    return ASHAScheduler(
        time_attr="epoch",
        metric=METRIC,
        mode="max",
        max_t=max_epochs + 1,
        grace_period=max(1, round(GRACE_SHARE * max_epochs)),
        reduction_factor=REDUCTION,
    )


def patient(max_epochs: int) -> FIFOScheduler:
    """Return what lets every trial run to its end."""
    return FIFOScheduler()


SCHEDULERS: dict[Scheduler, Callable[[int], TrialScheduler]] = {"asha": halving, "none": patient}


class KeptRungs(tune.Callback):  # type: ignore[misc]
    """Saves the scheduler with the experiment, which Tune leaves out: a resumed study compares with all its trials."""

    def __init__(self, scheduler: TrialScheduler) -> None:
        self._scheduler = scheduler

    def get_state(self) -> dict[str, Any]:
        """Return what the scheduler's own `save` writes."""
        return dict(vars(self._scheduler))

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with the rungs of the interrupted run."""
        vars(self._scheduler).update(state)


def tune_config(
    settings: StudySettings, plan: Plan, searcher: OptunaSearcher, scheduler: TrialScheduler
) -> tune.TuneConfig:
    """Return how Tune samples and stops trials."""
    trials = settings.trials or (-1 if plan.clock.deadline else DEFAULT_TRIALS)
    return tune.TuneConfig(
        search_alg=searcher,
        scheduler=scheduler,
        num_samples=trials,
        max_concurrent_trials=plan.concurrent,
        reuse_actors=True,
        trial_name_creator=lambda trial: str(trial.trial_id),
        trial_dirname_creator=lambda trial: str(trial.trial_id),
    )


class OutOfTime(tune.Stopper):  # type: ignore[misc]
    """Stops a trial whose next epoch would end after the deadline, and everything at the deadline."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return whether the trial has no time for another epoch."""
        deadline = self._clock.deadline
        return deadline is not None and time.time() + result.get("epoch_seconds", 0.0) > deadline

    def stop_all(self) -> bool:
        """Return whether the time is over."""
        return self._clock.deadline is not None and time.time() > self._clock.deadline


def run_config(
    settings: StudySettings, plan: Plan, experiment: Location, callbacks: list[tune.Callback]
) -> tune.RunConfig:
    """Return where Tune writes, what it keeps and what it prints."""
    return tune.RunConfig(
        name=settings.name,
        storage_path=experiment.parent,
        storage_filesystem=experiment.filesystem,
        verbose=0,
        stop=OutOfTime(plan.clock),
        callbacks=callbacks,
        failure_config=tune.FailureConfig(max_failures=RETRIES),
        checkpoint_config=tune.CheckpointConfig(
            checkpoint_score_attribute="score", checkpoint_score_order="max"
        ),
    )
