"""Dataset + space + budget -> StudyResult. Read this first.

labels -> splits -> decoded once -> object store      search/data.py
every candidate untouched: scores to beat, costs      search/probe.py
Optuna asks, ASHA stops, trials train and report      search/searcher.py, search/trial.py
the winner is exported and tested once                search/finish.py
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from search.data import StudyData, decode_sets, prepare, task_of
from search.finish import Finished, finish
from search.general import known_before, reachable
from search.known import check_names
from search.plan import (
    Plan,
    candidates,
    make_plan,
    narrowed,
    room,
    study_task,
    with_engine,
)
from search.probe import Probe, probe_model
from search.progress import ProgressLines
from search.ranking import Forgetting
from search.results import StudyResult, write_text_atomically
from search.searcher import METRIC, Clock, OptunaSearcher
from search.settings import DEFAULT_TRIALS, Scheduler, StudySettings
from search.storage import (
    DATABASE,
    STUDY_FILE,
    Location,
    PublishedDatabase,
    location,
    publish,
    study_exists,
    withdraw,
)
from search.trial import TrialSetup, run_trial
from spaces.space import SearchSpace, load_space
from train.config import config_error, config_from_mapping, nested
from train.errors import UsageError
from train.tasks import Words

GRACE_SHARE, REDUCTION = 0.25, 2


def run_study(settings: StudySettings, resume: bool) -> StudyResult:
    """Search, export and report; `resume` continues a study that was interrupted.

    Raises:
        UsageError: before any work, for settings that cannot work.
        DataError: for data that cannot be used.
    """
    started = time.time()
    loaded = load_space(settings.space)
    settings = settings.model_copy(update={"task": study_task(settings, loaded)})
    settings = with_engine(settings, narrowed(loaded, settings))
    space = narrowed(loaded, settings)
    check_names(space)
    check_folder(settings, resume)
    prepared = prepare(settings)
    print(
        f"data: {', '.join(f'{name} {len(part)}' for name, part in prepared.sets.items())} "
        f"{task_of(settings).words.samples}"
        f"{f'; labels put right: {prepared.repaired}' if prepared.repaired else ''}",
        flush=True,
    )
    start_ray()
    share, _, _ = room(settings)
    write_text_atomically(settings.local_folder / STUDY_FILE, settings.model_dump_json(indent=2))
    publish(settings, STUDY_FILE)
    data = decode_sets(settings, prepared)
    shared = ray.put(data.training)
    probes = probe_models(space, shared, task_of(settings).words, share)
    known = known_before(settings, probes, data)
    plan = make_plan(settings, possible(space, known, data, settings, resume), probes, data, started)
    results = search(settings, plan, TrialSetup(shared, plan.group, known), probes, resume)
    if plan.group is not None:
        plan.group.storage.delete_folder()  # only transient
    return finish(Finished(settings, plan.clock, data, probes, results, started, known))


def possible(
    space: SearchSpace, known: Forgetting | None, data: StudyData, settings: StudySettings, resume: bool
) -> SearchSpace:
    """Return the space as far as it can keep what the models knew; a new study that cannot leaves its name free."""
    try:
        return reachable(space, known, data)
    except UsageError:
        if not resume:
            withdraw(settings)
        raise


def check_folder(settings: StudySettings, resume: bool) -> None:
    """Raise UsageError if the study's folder holds one already, or, to resume, none."""
    if resume != study_exists(settings):
        rule = "--resume needs a study of that name" if resume else "a study's name must be new"
        where = f" and {settings.name} in {settings.storage}" if settings.remote else ""
        remedy = (
            "leave out --resume"
            if resume
            else f"add --resume, choose another --name, or delete {settings.local_folder}{where}"
        )
        raise UsageError(rule, settings.name, remedy)


def load_settings(folder: Path) -> StudySettings:
    """Read the settings that a study was started with."""
    path = folder / STUDY_FILE
    if not path.is_file():
        raise UsageError("--resume needs a study of that name", folder, "leave out --resume")
    with config_error(str(path)):
        return StudySettings.model_validate_json(path.read_bytes())


def start_ray() -> None:
    """Join the cluster that RAY_ADDRESS names, or start one here."""
    if not ray.is_initialized():
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # our own progress lines say it
        os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "2")  # what a killed search loses at most
        # Tune's own handler would end an interrupted search as if it were done.
        os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
        ray.init(log_to_driver=False, logging_level="ERROR")


def probe_models(space: SearchSpace, shared: Any, words: Words, share: dict[str, float]) -> list[Probe]:
    """Score every candidate model untouched, in parallel, and print the scores to beat."""
    fixed = config_from_mapping(nested(dict(space.fixed) | {"model": candidates(space)[0]}), "space")
    # On what a trial gets, as its time is measured.
    remote = ray.remote(num_cpus=share["CPU"], num_gpus=share["GPU"])(probe_model)
    widths = [int(str(width)) for width in space.choices("fit_width")]
    probes: list[Probe] = ray.get(
        [remote.remote(model, fixed, widths, shared) for model in candidates(space)]
    )
    for probe in probes:
        for baseline in probe.baselines:
            told = dict(zip(words.short, baseline.scores.rank, strict=True))
            told |= {"general": baseline.general.primary} if baseline.general else {}
            print(
                f"untouched: {baseline!s:<52} {'  '.join(f'{word} {value:.3f}' for word, value in told.items())}",
                flush=True,
            )
    return probes


def search(
    settings: StudySettings, plan: Plan, setup: TrialSetup, probes: list[Probe], resume: bool
) -> tune.ResultGrid:
    """Run, or go on with, the Ray Tune experiment."""
    baseline = max(b.scores.primary for p in probes for b in p.baselines)
    trial = tune.with_parameters(run_trial, setup=setup)
    trainable = tune.with_resources(trial, plan.resources)
    experiment = location(settings)
    if resume and has_trials(experiment):
        tuner = tune.Tuner.restore(
            experiment.path,
            trainable,
            resume_unfinished=True,
            resume_errored=False,
            storage_filesystem=experiment.filesystem,
        )
    else:
        database = settings.local_folder / DATABASE
        searcher = OptunaSearcher(plan.space, plan.points, plan.clock, settings.seed, database)
        scheduler = SCHEDULERS[settings.scheduler](plan.clock.max_epochs)
        callbacks = [ProgressLines(plan.clock, baseline), KeptRungs(scheduler)]
        callbacks += [PublishedDatabase(settings)] if settings.remote else []
        tuner = tune.Tuner(
            trainable,
            tune_config=tune_config(settings, plan, searcher, scheduler),
            run_config=run_config(settings, plan, experiment, callbacks),
        )
    return tuner.fit()


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
        checkpoint_config=tune.CheckpointConfig(
            checkpoint_score_attribute="score", checkpoint_score_order="max"
        ),
    )
