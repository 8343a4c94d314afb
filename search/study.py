"""Dataset + space + budget -> StudyResult. Read this first.

labels -> splits -> decoded once -> object store      search/data.py
every candidate untouched: scores to beat, costs      search/probe.py
Optuna asks, ASHA stops, trials train and report      search/searcher.py, search/trial.py
the winner is exported and tested once                search/finish.py
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from search.data import StudyData, decode_splits, prepare_splits
from search.finish import Finished, finish
from search.probe import Probe, affordable_models, agreed_width, probe_model
from search.progress import ProgressLines
from search.results import StudyResult, write_text_atomically
from search.searcher import METRIC, Clock, OptunaSearcher
from search.settings import DEFAULT_TRIALS, StudySettings, concurrent_trials, trial_share
from search.trial import TrialSetup, run_trial
from search.workers import TRIAL_RESOURCES, WorkerGroup
from spaces.space import SearchSpace, load_space
from train.config import TrialConfig, config_from_mapping, nested
from train.errors import UsageError

FINISH_SHARE, FINISH_LEAST_S = 0.04, 30.0
GRACE_SHARE, REDUCTION = 0.25, 2
STUDY_FILE = "study.json"


@dataclass(frozen=True)
class Plan:
    """What the search is about to do, once everything is known that can be known before it.

    Attributes:
        points: what to try first.
        concurrent: trials at a time.
        resources: that Tune reserves for a trial; its workers reserve their own.
        group: the workers of a trial, if it has any.
    """

    space: SearchSpace
    points: list[dict[str, Any]]
    clock: Clock
    concurrent: int
    resources: dict[str, float]
    group: WorkerGroup | None


def run_study(settings: StudySettings, resume: bool) -> StudyResult:
    """Search, export and report; `resume` continues a study that was interrupted.

    Raises:
        UsageError: before any work, for settings that cannot work.
        DataError: for data that cannot be used.
    """
    started = time.time()
    space = narrowed(load_space(settings.space), settings)
    claim_folder(settings, resume)
    splits, bad = prepare_splits(settings)
    print(f"data: {', '.join(f'{name} {len(part)}' for name, part in splits.items())} lines", flush=True)
    start_ray()
    data = decode_splits(settings, splits, bad)
    shared = ray.put(data.training)
    probes = probe_models(space, shared)
    plan = make_plan(settings, space, probes, data, started)
    results, searcher = search(settings, plan, shared, probes, resume)
    return finish(Finished(settings, plan.clock, data, probes, results, searcher, started))


def narrowed(space: SearchSpace, settings: StudySettings) -> SearchSpace:
    """Return the space as the command line narrows it."""
    space = space.with_fixed({"seed": settings.seed})
    return space.with_choices("model", settings.models) if settings.models else space


def claim_folder(settings: StudySettings, resume: bool) -> None:
    """Write study.json, or, to resume, find the study there."""
    path = settings.local_folder / STUDY_FILE
    if resume != path.exists():
        rule = "--resume needs a study of that name" if resume else "a study's name must be new"
        remedy = (
            "leave out --resume"
            if resume
            else f"add --resume, choose another --name, or delete {path.parent}"
        )
        raise UsageError(rule, settings.name, remedy)
    if not resume:
        write_text_atomically(path, settings.model_dump_json(indent=2))


def load_settings(folder: Path) -> StudySettings:
    """Read the settings that a study was started with."""
    try:
        return StudySettings.model_validate(json.loads((folder / STUDY_FILE).read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError("--resume needs a study of that name", folder, "leave out --resume") from error


def start_ray() -> None:
    """Join the cluster that RAY_ADDRESS names, or start one here."""
    if not ray.is_initialized():
        os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # our own progress lines say it
        ray.init(log_to_driver=False, logging_level="ERROR")


def probe_models(space: SearchSpace, shared: Any) -> list[Probe]:
    """Score every candidate model untouched, in parallel, and print the scores to beat."""
    fixed = config_from_mapping(nested(dict(space.fixed) | {"model": candidates(space)[0]}), "space")
    remote = ray.remote(num_cpus=1)(probe_model)
    widths = [int(str(width)) for width in space.choices("fit_width")]
    probes: list[Probe] = ray.get(
        [remote.remote(model, fixed, widths, shared) for model in candidates(space)]
    )
    for probe in probes:
        for baseline in probe.baselines:
            scores = baseline.scores
            print(
                f"untouched: {baseline!s:<52} exact {scores.exact_match:.3f}  similarity {scores.edit_similarity:.3f}",
                flush=True,
            )
    return probes


def candidates(space: SearchSpace) -> list[str]:
    """Return the models that a space may choose."""
    return [str(model) for model in space.choices("model") or (TrialConfig().model,)]


def make_plan(
    settings: StudySettings, space: SearchSpace, probes: list[Probe], data: StudyData, started: float
) -> Plan:
    """Fit models, trial lengths and concurrency to machine and budget."""
    resources = ray.cluster_resources()
    share = trial_share(settings, resources)
    group = worker_group(settings, share)
    fits = concurrent_trials(group.resources if group else share, resources)
    concurrent = min(fits, settings.concurrent or fits)
    max_epochs = settings.max_epochs or int(space.fixed.get("epochs", TrialConfig().epochs))
    train, val = len(data.training.train), len(data.training.val)
    deadline = None
    if settings.time_budget_s:
        deadline = (
            started + settings.time_budget_s - max(FINISH_LEAST_S, FINISH_SHARE * settings.time_budget_s)
        )
    clock = Clock(deadline, max_epochs, train, val, {p.model: p.cost for p in probes})
    space = affordable(space, probes, clock, concurrent)
    width = agreed_width([p for p in probes if p.model in candidates(space)])
    if width is not None and space.choices("fit_width"):
        space = space.with_fixed({"fit_width": width})
    points = sorted(space.warm_starts_for(train), key=lambda point: _model_rank(point, probes))
    return Plan(space, points, clock, concurrent, TRIAL_RESOURCES if group else share, group)


def worker_group(settings: StudySettings, share: dict[str, float]) -> WorkerGroup | None:
    """Return a trial's workers, each with a share of the machine; None without any."""
    if settings.workers == 0:
        return None
    folder = f"{storage_folder(settings)}-workers"
    return WorkerGroup(settings.workers, folder, settings.name, cpus=share["CPU"], gpus=share["GPU"])


def storage_folder(settings: StudySettings) -> str:
    """Return the absolute folder or URI that holds the study."""
    folder = settings.storage if "://" in settings.storage else str(Path(settings.storage).resolve())
    return f"{folder}/{settings.name}"


def affordable(space: SearchSpace, probes: list[Probe], clock: Clock, concurrent: int) -> SearchSpace:
    """Leave out the models for which the time budget is too short, and say so."""
    if clock.deadline is None or len(probes) == 1:
        return space
    seconds = clock.deadline - time.time()
    mean = sum(p.cost.epoch_seconds(TrialConfig(), clock.train_lines, clock.val_lines) for p in probes) / len(
        probes
    )
    models = affordable_models(
        probes, concurrent * seconds / (mean * min(clock.max_epochs, TrialConfig().epochs))
    )
    left_out = [p.model for p in probes if p.model not in models]
    if left_out:
        print(f"the time budget is too short for all models: left out {', '.join(left_out)}", flush=True)
    return space.with_choices("model", models)


def _model_rank(point: dict[str, Any], probes: list[Probe]) -> int:
    ranked = affordable_models(probes, 2 * len(probes))
    return ranked.index(point["model"]) if "model" in point else 0


def search(
    settings: StudySettings, plan: Plan, shared: Any, probes: list[Probe], resume: bool
) -> tuple[tune.ResultGrid, OptunaSearcher]:
    """Run, or go on with, the Ray Tune experiment."""
    searcher = OptunaSearcher(plan.space, plan.points, plan.clock, settings.seed)
    baseline = max(b.scores.exact_match for p in probes for b in p.baselines)
    trial = tune.with_parameters(run_trial, setup=TrialSetup(shared, plan.group))
    trainable = tune.with_resources(trial, plan.resources)
    experiment = storage_folder(settings)
    if resume and tune.Tuner.can_restore(experiment):
        tuner = tune.Tuner.restore(experiment, trainable, resume_unfinished=True, resume_errored=False)
    else:
        tuner = tune.Tuner(
            trainable,
            tune_config=tune_config(settings, plan, searcher),
            run_config=run_config(settings, plan, experiment.rsplit("/", 1)[0], baseline),
        )
    return tuner.fit(), searcher


def tune_config(settings: StudySettings, plan: Plan, searcher: OptunaSearcher) -> tune.TuneConfig:
    """Return how Tune samples and stops trials."""
    trials = settings.trials or (-1 if plan.clock.deadline else DEFAULT_TRIALS)
    scheduler = ASHAScheduler(
        time_attr="epoch",
        metric=METRIC,
        mode="max",
        max_t=plan.clock.max_epochs + 1,
        grace_period=max(1, round(GRACE_SHARE * plan.clock.max_epochs)),
        reduction_factor=REDUCTION,
    )
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


def run_config(settings: StudySettings, plan: Plan, storage: str, baseline: float) -> tune.RunConfig:
    """Return where Tune writes, what it keeps and what it prints."""
    return tune.RunConfig(
        name=settings.name,
        storage_path=storage,
        verbose=0,
        stop=OutOfTime(plan.clock),
        callbacks=[ProgressLines(plan.clock, baseline)],
        checkpoint_config=tune.CheckpointConfig(
            num_to_keep=1, checkpoint_score_attribute="score", checkpoint_score_order="max"
        ),
    )
