"""What a study is going to do, once all is known that can be known before it: pure decisions."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ray

from search.budget import label_check_seconds, planned_epochs, soup_seconds, turns, usual_seconds
from search.clock import Clock
from search.confirm import reserved_s
from search.data import StudyData
from search.packing import Needs, Nodes, pack
from search.population import population
from search.probe import Probe, affordable_models, agreed_width
from search.provenance import Earlier
from search.settings import StudySettings
from search.share import TrialShare, share_of
from search.storage import location
from search.transfer import with_earlier
from search.workers import WorkerGroup
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.data.mixture import Extra, wanted
from train.engines.choice import check_holds, installed, resolve
from train.errors import UsageError
from train.fits import models_for

FINISH_SHARE, FINISH_LEAST_S = 0.04, 30.0
ANY = "any"


@dataclass(frozen=True)
class Plan:
    """What the search is about to do, once everything is known that can be known before it.

    Attributes:
        points: what to try first.
        concurrent: trials at a time.
        needs: what a trial, or a worker of one, takes of its node.
        share: what a trial takes of the cluster, over all its workers.
        group: the workers of a trial, if it has any.
        earlier: winners of other studies that are tried first, too.
    """

    space: SearchSpace
    points: list[dict[str, Any]]
    clock: Clock
    concurrent: int
    needs: Needs
    share: TrialShare
    group: WorkerGroup | None
    earlier: tuple[Earlier, ...] = ()


def study_task(settings: StudySettings, space: SearchSpace) -> str:
    """Return what a study trains: what the command line says, or the space.

    Raises UsageError if they disagree, or the space varies it: scores of different tasks cannot be compared.
    """
    if any(parameter.key == "task" for parameter in space.parameters):
        raise UsageError("a space must be for one task", space.name, "fix it: `fixed: {task: ...}`")
    fixed = str(space.fixed.get("task", settings.task_name))
    if settings.task not in (None, fixed):
        raise UsageError(
            "--task must be the space's",
            f"{settings.task}, and the space {space.name} is for {fixed}",
            "leave out one of them: each task has a space of its own name",
        )
    return fixed


def narrowed(space: SearchSpace, settings: StudySettings) -> SearchSpace:
    """Return the space as the command line narrows it.

    Raises UsageError where the space says that every trial mixes lines in, and there are none.
    """
    space = space.with_fixed({"seed": settings.seed, "task": study_task(settings, space)})
    for share, labels in (("replay", settings.general_labels), ("synthetic", settings.synthetic_labels)):
        space = space if labels is not None else _without(space, share)
    if settings.engine and settings.engine != ANY:
        space = space.with_fixed({"engine": settings.engine})
    models = settings.models or space.choices("model") or usual_models(str(space.fixed["task"]))
    return space.with_choices("model", models) if models != space.choices("model") else space


def usual_models(task: str) -> tuple[str, ...]:
    """Return what a space that names no model searches: the default, or all that there are for another task.

    Raises UsageError if there are none.
    """
    models = models_for(task)
    if not models:
        raise UsageError(
            "a task must have a model", task, "write one (CONTRIBUTING.md), or choose another task"
        )
    usual = TrialConfig().model
    return (usual,) if usual in models else tuple(models)


def _without(space: SearchSpace, share: str) -> SearchSpace:
    """Return the space for a study that has none of the lines of which `share` is one."""
    wanted([Extra(share, float(str(space.fixed.get(share, 0))), None)])
    return space.forced(share, 0.0) if any(p.key == share for p in space.parameters) else space


def with_engine(settings: StudySettings, space: SearchSpace) -> StudySettings:
    """Return the settings with the one engine of all trials: the asked-for, or for `auto` the fastest one here.

    Under `any` every trial draws its own from the space's. Without a word from the command line a space that leaves
    several open is searched with TrialConfig's.
    """
    engines = [str(engine) for engine in space.choices("engine")] or [TrialConfig().engine]
    if settings.engine == ANY:
        check_any(engines, space)
        return settings
    asked = settings.engine or (engines[0] if len(engines) == 1 else TrialConfig().engine)
    check_holds(asked, candidates(space))
    threads = max(1, int(settings.cpus or 1))  # Ray gives a trial's process as many as it has cores
    return settings.model_copy(update={"engine": resolve(asked, candidates(space), threads) or None})


def check_any(engines: list[str], space: SearchSpace) -> None:
    """Raise UsageError if a trial could draw an engine that is not installed or lacks a model."""
    for engine in engines:
        check_holds(engine, candidates(space))
    missing = [engine for engine in engines if not installed(engine)]
    if missing or len(engines) == 1:
        raise UsageError(
            "--engine any needs a space that names several engines, all installed",
            f"not installed: {', '.join(missing)}" if missing else f"only {engines[0]} in {space.name}",
            "install it, or name one engine",
        )


def candidates(space: SearchSpace) -> list[str]:
    """Return the models that a space may choose."""
    return [str(model) for model in space.choices("model") or (TrialConfig().model,)]


def make_plan(
    settings: StudySettings, space: SearchSpace, probes: list[Probe], data: StudyData, started: float
) -> Plan:
    """Fit models, trial lengths and concurrency to machine and budget."""
    _, _, concurrent = room(settings, space, probes)
    max_epochs = settings.max_epochs or int(space.fixed.get("epochs", TrialConfig().epochs))
    train, val = len(data.training.train), len(data.training.val) + len(data.training.general or ())
    deadline = None
    if settings.time_budget_s:
        budget, reading = settings.time_budget_s, max(probe.cost.evaluate for probe in probes)
        finish = max(FINISH_LEAST_S, FINISH_SHARE * budget) + label_check_seconds(budget, reading, val)
        averaging = soup_seconds(budget, reading, val) if (settings.folds or 1) == 1 else 0.0
        deadline = started + budget - finish - averaging
    clock = Clock(
        settings.local_folder / "clock.json",
        deadline,
        max_epochs,
        train,
        val,
        {p.model: p.cost for p in probes},
        folds=settings.folds or 1,
    )
    space = affordable(space, probes, clock, concurrent)
    mine = [probe for probe in probes if probe.model in candidates(space)]
    # There is room for more if the models left out were the larger ones.
    needs, group, concurrent = room(settings, space, mine)
    clock.turns = turns(population(settings), concurrent)
    clock.reserve(for_confirming(settings, mine, clock, concurrent))
    clock.usual_s = usual_trial(settings, mine, clock, concurrent)
    space = as_untouched(mine, space, settings)
    points = sorted(space.warm_starts_for(train), key=lambda point: _model_rank(point, probes))
    points, earlier = with_earlier(settings, space, points)
    taken = share_of(needs.share, settings.workers)
    return Plan(space, points, clock, concurrent, needs, taken, group, earlier)


def as_untouched(probes: list[Probe], space: SearchSpace, settings: StudySettings) -> SearchSpace:
    """Fix what the untouched readings tell: the width of the lines, and that the domain's characters are enough.

    The whole dictionary stays where there are general lines: they may need it.
    """
    width = agreed_width(probes)
    if width in space.choices("fit_width"):
        space = space.with_fixed({"fit_width": width})
    needed = settings.general_labels is not None or any(probe.needs_dictionary for probe in probes)
    if not needed and "domain" in space.choices("charset"):
        space = space.with_fixed({"charset": "domain"})
    return space


def for_confirming(settings: StudySettings, probes: list[Probe], clock: Clock, concurrent: int) -> float:
    """Return the seconds to keep from the search, so that its best trials can be trained again."""
    usual = usual_trial(settings, probes, clock, concurrent)
    if clock.deadline is None or usual is None:
        return 0.0
    available, epoch = clock.deadline - time.time(), usual_epoch(probes, clock)
    epochs = planned_epochs(epoch, available, clock.max_epochs, usual)
    return reserved_s(settings, available, epochs * epoch, concurrent) if epochs else 0.0


def usual_trial(settings: StudySettings, probes: list[Probe], clock: Clock, concurrent: int) -> float | None:
    """Return the seconds that a trial should take if training begins now; None without a budget."""
    if clock.deadline is None:
        return None
    in_a_row = -(-settings.trials // concurrent) if settings.trials else None
    return usual_seconds(usual_epoch(probes, clock), clock.deadline - time.time(), in_a_row)


def usual_epoch(probes: list[Probe], clock: Clock) -> float:
    """Return the expected seconds of an epoch, over all folds, of the model that reads best untouched."""
    best = max(probes, key=lambda probe: probe.best.scores.rank)
    return clock.folds * best.cost.epoch_seconds(TrialConfig(), clock.train_lines, clock.val_lines)


def trial_memory(space: SearchSpace, probes: list[Probe], settings: StudySettings) -> list[int]:
    """Return the bytes that trials take, ascending: of each model, with batches of each size of the largest images.

    Of a trial on several workers, what each of them takes for its share of a batch.
    """
    usual = TrialConfig()
    sizes = [int(str(size)) for size in space.choices("batch_size") or (usual.batch_size,)]
    batches = [-(-size // max(1, settings.workers)) for size in sizes]
    mine = [probe for probe in probes if probe.model in candidates(space)]
    widths = as_untouched(mine, space, settings).choices("fit_width") or (usual.fit_width,)
    return sorted(
        probe.footprint.trial_bytes(batch, int(str(width)))
        for probe in mine
        for batch in batches
        for width in widths
    )


def cluster_nodes() -> Nodes:
    """Return what each node of the cluster has."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def room(
    settings: StudySettings, space: SearchSpace, probes: list[Probe]
) -> tuple[Needs, WorkerGroup | None, int]:
    """Return what a trial or worker takes of its node, a trial's workers, and how many trials run at a time.

    Without probes memory does not count. Raises UsageError if the cluster is too small for one.
    """
    memory = trial_memory(space, probes, settings) or [0]
    needs, concurrent = pack(settings, cluster_nodes(), memory, {p.model: p.footprint for p in probes})
    return needs, worker_group(settings, needs.share), concurrent


def worker_group(settings: StudySettings, share: Mapping[str, float]) -> WorkerGroup | None:
    """Return a trial's workers, each with a share of the machine; None without any."""
    if settings.workers == 0:
        return None
    return WorkerGroup(settings.workers, location(settings).beside("-workers"), settings.name, dict(share))


def affordable(space: SearchSpace, probes: list[Probe], clock: Clock, concurrent: int) -> SearchSpace:
    """Leave out the models for which the time budget is too short, and say so."""
    if clock.deadline is None or len(probes) == 1:
        return space
    usual = TrialConfig()
    epochs = min(clock.max_epochs, usual.epochs)
    seconds = [
        probe.cost.epoch_seconds(usual, clock.train_lines, clock.val_lines) * epochs * clock.folds
        for probe in probes
    ]
    trials = concurrent * (clock.deadline - time.time()) / (sum(seconds) / len(seconds))
    models = affordable_models(probes, trials)
    left_out = [p.model for p in probes if p.model not in models]
    if left_out:
        print(f"the time budget is too short for all models: left out {', '.join(left_out)}", flush=True)
    return space.with_choices("model", models)


def _model_rank(point: dict[str, Any], probes: list[Probe]) -> int:
    ranked = affordable_models(probes, 2 * len(probes))
    return ranked.index(point["model"]) if "model" in point else 0
