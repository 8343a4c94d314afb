"""Dataset + space + budget -> StudyResult. Read this first.

labels -> splits -> decoded once -> object store      search/data.py
every candidate untouched: scores to beat, costs      search/probe.py
Optuna asks, ASHA stops, trials train and report      search/searcher.py, search/schedulers.py, search/trial.py
the winner is exported and tested once                search/finish.py
"""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import TrialScheduler

from search.confirm import Again, check_confirm, most_candidates
from search.data import StudyData, decode_sets, prepare, task_of
from search.finish import Finished, finish
from search.folds import pooled, with_folds
from search.general import known_before, reachable
from search.known import check_names
from search.latency import Latencies, measure_all
from search.pareto import ParetoSearcher, check_objectives
from search.plan import (
    Plan,
    candidates,
    make_plan,
    narrowed,
    room,
    storage_folder,
    study_task,
    with_engine,
)
from search.population import WrittenReports, check_population, population, sampler_of
from search.probe import Probe, probe_model
from search.progress import ProgressLines
from search.ranking import Forgetting
from search.results import StudyResult, write_text_atomically
from search.samplers import SAMPLERS, explain
from search.schedulers import SCHEDULERS, KeptRungs
from search.searcher import Clock, OptunaSearcher
from search.settings import DEFAULT_TRIALS, StudySettings
from search.trial import TrialSetup, run_trial
from spaces.space import SearchSpace, load_space
from train.config import config_error, config_from_mapping, nested
from train.errors import UsageError
from train.tasks import Words

STUDY_FILE = "study.json"


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
    check_population(settings, space)
    check_confirm(settings)
    check_objectives(settings, space)
    SAMPLERS[sampler_of(settings)](space, settings.seed, 0)  # refuses what it cannot search
    check_folder(settings, resume)
    prepared = prepare(settings)
    settings = with_folds(settings, len(prepared.sets["train"]))
    print(
        f"data: {', '.join(f'{name} {len(part)}' for name, part in prepared.sets.items())} "
        f"{task_of(settings).words.samples}"
        f"{f'; labels put right: {prepared.repaired}' if prepared.repaired else ''}",
        flush=True,
    )
    start_ray()
    room(settings)
    write_text_atomically(settings.local_folder / STUDY_FILE, settings.model_dump_json(indent=2))
    data = decode_sets(settings, prepared)
    shared = ray.put(data.training)
    read = shared if settings.folds == 1 else ray.put(pooled(data.training))
    probes = probe_models(space, read, task_of(settings).words)
    known = known_before(settings, probes, data)
    plan = make_plan(settings, possible(space, known, data, settings, resume), probes, data, started)
    latencies = measure_all(plan.space, shared) if settings.objectives != "accuracy" else {}
    setup = TrialSetup(shared, plan.group, known, population(settings) is not None, settings.folds or 1)
    results = search(settings, plan, setup, probes, resume, latencies)
    if plan.group is not None:
        shutil.rmtree(plan.group.storage, ignore_errors=True)  # only transient; a URI has no such folder
    end = plan.clock.deadline and plan.clock.deadline + plan.clock.reserved
    most = most_candidates(settings, len(results))
    again = Again(shared, plan.resources, end, plan.concurrent, known, most)
    return finish(
        Finished(settings, plan.clock, data, probes, results, started, known, again, latencies, plan.earlier)
    )


def possible(
    space: SearchSpace, known: Forgetting | None, data: StudyData, settings: StudySettings, resume: bool
) -> SearchSpace:
    """Return the space as far as it can keep what the models knew; a new study that cannot leaves its name free."""
    try:
        return reachable(space, known, data)
    except UsageError:
        if not resume:
            (settings.local_folder / STUDY_FILE).unlink()
        raise


def check_folder(settings: StudySettings, resume: bool) -> None:
    """Raise UsageError if the study's folder holds one already, or, to resume, none."""
    path = settings.local_folder / STUDY_FILE
    if resume != path.exists():
        rule = "--resume needs a study of that name" if resume else "a study's name must be new"
        remedy = (
            "leave out --resume"
            if resume
            else f"add --resume, choose another --name, or delete {path.parent}"
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


def probe_models(space: SearchSpace, shared: Any, words: Words) -> list[Probe]:
    """Score every candidate model untouched, in parallel, and print the scores to beat."""
    fixed = config_from_mapping(nested(dict(space.fixed) | {"model": candidates(space)[0]}), "space")
    remote = ray.remote(num_cpus=1)(probe_model)
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
    settings: StudySettings,
    plan: Plan,
    setup: TrialSetup,
    probes: list[Probe],
    resume: bool,
    latencies: Latencies,
) -> tune.ResultGrid:
    """Run, or go on with, the Ray Tune experiment."""
    baseline = max(b.scores.primary for p in probes for b in p.baselines)
    trial = tune.with_parameters(run_trial, setup=setup)
    trainable = tune.with_resources(trial, plan.resources)
    experiment = storage_folder(settings)
    if resume and has_trials(experiment):
        tuner = tune.Tuner.restore(experiment, trainable, resume_unfinished=True, resume_errored=False)
    else:
        database = settings.local_folder / "optuna.db"
        sampler = SAMPLERS[sampler_of(settings)](plan.space, settings.seed, len(plan.points))
        if told := explain(sampler, plan.space):
            print(told, flush=True)
        kind = ParetoSearcher if latencies else OptunaSearcher
        searcher = kind(plan.space, plan.points, plan.clock, sampler, database)
        if isinstance(searcher, ParetoSearcher):
            searcher.latencies = latencies
        longest = plan.clock.max_epochs if setup.folds == 1 else setup.folds
        scheduler = SCHEDULERS[settings.scheduler](longest, plan.space)
        callbacks = [ProgressLines(plan.clock, baseline), KeptRungs(scheduler)]
        callbacks += [WrittenReports()] if population(settings) else []
        tuner = tune.Tuner(
            trainable,
            tune_config=tune_config(settings, plan, searcher, scheduler),
            run_config=run_config(settings, plan, experiment.rsplit("/", 1)[0], callbacks),
        )
    return tuner.fit()


def has_trials(experiment: str) -> bool:
    """Return whether a Tune experiment lies there that had begun a trial; Tune cannot restore one without."""
    if not tune.Tuner.can_restore(experiment):
        return False
    try:
        return bool(tune.ExperimentAnalysis(experiment).trials)
    except ValueError:  # no snapshot yet
        return False


def tune_config(
    settings: StudySettings, plan: Plan, searcher: OptunaSearcher, scheduler: TrialScheduler
) -> tune.TuneConfig:
    """Return how Tune samples and stops trials."""
    size = population(settings)
    trials = size or settings.trials or (-1 if plan.clock.deadline else DEFAULT_TRIALS)
    return tune.TuneConfig(
        search_alg=searcher,
        scheduler=scheduler,
        num_samples=trials,
        max_concurrent_trials=size or plan.concurrent,  # a population takes turns
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
    settings: StudySettings, plan: Plan, storage: str, callbacks: list[tune.Callback]
) -> tune.RunConfig:
    """Return where Tune writes, what it keeps and what it prints."""
    return tune.RunConfig(
        name=settings.name,
        storage_path=storage,
        verbose=0,
        stop=OutOfTime(plan.clock),
        callbacks=callbacks,
        checkpoint_config=tune.CheckpointConfig(
            checkpoint_score_attribute="score", checkpoint_score_order="max"
        ),
    )
