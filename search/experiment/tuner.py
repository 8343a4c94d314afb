"""The Ray Tune experiment of a study: its searcher, scheduler, stopping rule, checkpoints, journal and snapshots."""

import time
from collections.abc import Mapping
from itertools import accumulate
from types import MappingProxyType
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import TrialScheduler

from search.experiment.incidents import RETRIES, Incidents
from search.experiment.informing import Informing, TensorBoard
from search.experiment.keep import LATEST, KeepNeeded
from search.experiment.progress import ProgressLines
from search.experiment.publishing import PublishedFiles
from search.experiment.snapshot import Snapshots, restore
from search.experiment.tracking import make_trackers
from search.planning.clock import Clock
from search.planning.packing import TRIAL_RESOURCES
from search.planning.plan import Planned
from search.preflight.data import task_of
from search.records.result import baseline_to_json
from search.records.trial_report import EPOCH_SECONDS, SCORE
from search.sampling.population import count_turn_epochs
from search.sampling.samplers import SAMPLERS, explain
from search.sampling.schedulers import SCHEDULERS, KeptRungs
from search.sampling.searcher import OptunaSearcher, ParetoSearcher
from search.settings import DEFAULT_TRIALS
from search.storage.files import DATABASE, JOURNAL
from search.storage.journal import Journal
from search.storage.location import Location, locate
from search.trials.folds import FOLD_SEED, split_folds
from search.trials.start import make_setup
from search.trials.trial import run_trial


def run_trials(planned: Planned, beside: ray.ObjectRef | None) -> tune.ResultGrid:
    """Run, or go on with, the Ray Tune experiment.

    Args:
        planned: the study.
        beside: the job that trains on all samples, which holds a trial's place until it ends; None without one.
    """
    settings, resources, resume = planned.settings, planned.plan.resources, planned.probed.prepared.resume
    amounts = (
        TRIAL_RESOURCES if resources.group else dict(resources.trial.amounts)
    )  # workers reserve their own
    trainable = tune.with_resources(tune.with_parameters(run_trial, setup=make_setup(planned)), amounts)
    experiment = locate(settings)
    if resume:
        restore(experiment)
    if resume and has_trials(experiment):
        tuner = tune.Tuner.restore(
            experiment.path,
            trainable,
            resume_unfinished=True,
            resume_errored=False,
            storage_filesystem=experiment.filesystem,
        )
    else:
        tuner = tune.Tuner(trainable, **new_experiment(planned, beside))
    return tuner.fit()


def new_experiment(planned: Planned, beside: ray.ObjectRef | None = None) -> dict[str, Any]:
    """Return what a new experiment is run with, see `run_trials`."""
    settings = planned.settings
    samples, longest = list_samples(planned), count_reports(planned)
    scheduler = SCHEDULERS[settings.scheduler](longest, planned.plan.space, samples, planned.clock)
    callbacks = make_callbacks(planned, scheduler)
    callbacks += [FreedPlace(planned.clock, beside)] if beside is not None else []
    return {
        "tune_config": make_tune_config(planned, make_searcher(planned), scheduler),
        "run_config": make_run_config(planned, locate(settings), callbacks),
    }


def count_reports(planned: Planned) -> int:
    """Return how often a trial can report: after every epoch, or after every fold."""
    folds = planned.settings.folds or 1
    return planned.plan.budget.max_epochs if folds == 1 else folds


def list_samples(planned: Planned) -> tuple[int, ...]:
    """Return on how many samples a trial is scored at each report: those of all folds so far; one for all epochs."""
    folds = planned.settings.folds or 1
    if folds == 1:
        return (planned.probed.probes[0].baselines[0].scores.n,)
    parts = split_folds(planned.probed.data.training, folds, task_of(planned.settings), FOLD_SEED)
    return tuple(accumulate(len(part.val) for part in parts))


def make_searcher(planned: Planned) -> OptunaSearcher:
    """Return the Optuna searcher, of two objectives where latencies are known; print what it moves together."""
    settings, plan = planned.settings, planned.plan
    sampler = SAMPLERS[settings.chosen_sampler](plan.space, settings.seed, len(plan.points))
    if explained := explain(sampler, plan.space):
        print(explained, flush=True)
    kind = ParetoSearcher if planned.latencies else OptunaSearcher
    searcher = kind(plan.space, plan.points, planned.clock, sampler, settings.local_folder / DATABASE)
    if isinstance(searcher, ParetoSearcher):
        searcher.latencies = planned.latencies
    return searcher


def make_callbacks(planned: Planned, scheduler: TrialScheduler) -> list[tune.Callback]:
    """Return the callbacks that follow the trials; the journal stands before what copies it."""
    settings, budget = planned.settings, planned.plan.budget
    folder, baselines = settings.local_folder, [b for p in planned.probed.probes for b in p.baselines]
    published = PublishedFiles(settings)
    study = {"baselines": [baseline_to_json(b) for b in baselines], "max_epochs": count_reports(planned)}
    return [
        Informing(ProgressLines(planned.clock, max(baseline.scores.primary for baseline in baselines))),
        KeptRungs(scheduler),
        KeepNeeded(LATEST if settings.population is None else LATEST + count_turn_epochs(budget.max_epochs)),
        Incidents(folder),
        Journal(folder / JOURNAL, study),
        published,
        Snapshots(folder, published.copy),
        TensorBoard(),
        *map(Informing, make_trackers(settings, budget.train_lines)),
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


def make_tune_config(
    planned: Planned, searcher: OptunaSearcher, scheduler: TrialScheduler
) -> tune.TuneConfig:
    """Return how Tune samples and stops trials."""
    settings, plan = planned.settings, planned.plan
    size = settings.population
    trials = size or settings.trials or (-1 if plan.budget.deadline else DEFAULT_TRIALS)
    return tune.TuneConfig(
        search_alg=searcher,
        scheduler=scheduler,
        num_samples=trials,
        max_concurrent_trials=size or plan.resources.concurrent,  # a population takes turns
        reuse_actors=True,
        trial_name_creator=lambda trial: str(trial.trial_id),
        trial_dirname_creator=lambda trial: str(trial.trial_id),
    )


class FreedPlace(tune.Callback):
    """Gives the trials the place of the job beside them as soon as that has ended or failed."""

    def __init__(self, clock: Clock, beside: ray.ObjectRef) -> None:
        self._clock, self._beside = clock, beside

    def __getstate__(self) -> dict[str, Any]:
        """Return what Tune keeps: a resumed study has nothing beside its trials."""
        return {"_clock": self._clock, "_beside": None}

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Free the place once the job has ended."""
        if self._beside is None or self._clock.places is None:
            return
        if ray.wait([self._beside], timeout=0)[0]:
            self._clock.places = None
            print("nothing trains on all samples any more: its place is the trials' now", flush=True)


LATE_EPOCH, GONE_EPOCHS = 0.25, 2
"""How much longer than an epoch one may take that is late; a trial that reports nothing for so many has ended."""


class OutOfTime(tune.Stopper):
    """Stops a trial whose next epoch would end after the deadline, and everything at the deadline.

    A trial that fits its schedule to the time is not asked: it knows best how long its next epoch takes. Any may be
    late by a share LATE_EPOCH of its length: the last one of a schedule, at a low learning rate, is worth most, and
    without its last fold a trial cannot win.
    """

    _reported: Mapping[str, tuple[float, float]] = MappingProxyType(
        {}
    )  # of a study that was begun without it

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Return whether the trial has no time for another epoch."""
        deadline, epoch_s = self._clock.deadline, result.get(EPOCH_SECONDS, 0.0)
        self._reported = self._list_running() | {trial_id: (time.time(), epoch_s)}
        fits = self._clock.budget.trials_fit_themselves
        expected_s = 0.0 if fits else epoch_s - self._allowed_s(epoch_s)
        return deadline is not None and time.time() + expected_s > deadline

    def stop_all(self) -> bool:
        """Return whether the time is over."""
        longest = max((seconds for _, seconds in self._list_running().values()), default=0.0)
        deadline = self._clock.deadline
        return deadline is not None and time.time() > deadline + self._allowed_s(longest)

    def _allowed_s(self, epoch_s: float) -> float:
        """Return by how many seconds an epoch of this length may be late."""
        return min(LATE_EPOCH * epoch_s, self._clock.budget.late_s)

    def _list_running(self) -> dict[str, tuple[float, float]]:
        """Return by trial when it last reported (Unix time), and what an epoch of it takes, of those that still run."""
        now = time.time()
        return {
            trial: (at, seconds)
            for trial, (at, seconds) in self._reported.items()
            if now <= at + GONE_EPOCHS * seconds
        }


def make_run_config(planned: Planned, experiment: Location, callbacks: list[tune.Callback]) -> tune.RunConfig:
    """Return where Tune writes, what it keeps and what it prints."""
    return tune.RunConfig(
        name=planned.settings.name,
        storage_path=experiment.parent,
        storage_filesystem=experiment.filesystem,
        verbose=0,
        stop=OutOfTime(planned.clock),
        callbacks=callbacks,
        failure_config=tune.FailureConfig(max_failures=RETRIES),
        checkpoint_config=tune.CheckpointConfig(
            checkpoint_score_attribute=SCORE, checkpoint_score_order="max"
        ),
    )
