"""What a study is going to do, once all is known that can be known before it: pure decisions."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ray

from search.planning.budget import (
    label_check_seconds,
    planned_epochs,
    reserved_s,
    soup_seconds,
    turns,
    usual_seconds,
)
from search.planning.clock import Clock
from search.planning.packing import Needs, Nodes, WorkerGroup, pack
from search.planning.warm_starts import fork_points, with_earlier
from search.preflight.data import StudyData
from search.preflight.probe import Probe
from search.preflight.space import candidates
from search.records.evidence import Earlier
from search.records.facts import TrialShare, share_of
from search.settings import StudySettings, population
from search.storage.location import location
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.scoring.intervals import paired_gain_interval

FINISH_SHARE, FINISH_LEAST_S = 0.04, 30.0


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


def forked(plan: Plan, origin: list[TrialConfig]) -> Plan:
    """Return the plan with the best configurations of another study in front of its points, and say how many."""
    if not origin:
        return plan
    points = fork_points(origin, plan.space)
    print(
        f"fork: {len(points)} of its {len(origin)} best configurations lie in this space: tried first",
        flush=True,
    )
    return replace(plan, points=[*points, *(point for point in plan.points if point not in points)])


def agreed_width(probes: Sequence[Probe]) -> int | None:
    """Return the width that every model reads best at; None if they differ or one cannot read yet."""
    widths = {probe.fit_width for probe in probes}
    return widths.pop() if len(widths) == 1 else None


def affordable_models(probes: Sequence[Probe], trials: float) -> list[str]:
    """Return the models worth searching: those that read best untouched, of equals the fastest to train, come first.

    Each model needs about two full-length trials before the search can tell anything about it; with time for
    fewer, only the first stay.

    Args:
        probes: of all candidates.
        trials: full-length trials that the time budget allows.
    """
    best = max(probes, key=lambda probe: probe.best.scores.rank)
    equal = {probe.model: not significantly_better(best, probe) for probe in probes}

    def order(probe: Probe) -> tuple[float, ...]:
        return (0.0, probe.cost.full) if equal[probe.model] else (1.0, *(-s for s in probe.best.scores.rank))

    return [probe.model for probe in sorted(probes, key=order)[: max(1, int(trials // 2))]]


def significantly_better(one: Probe, other: Probe) -> bool:
    """Return whether the validation samples tell one untouched model's best score from another's (95 %)."""
    before, after = (probe.rows[probe.baselines.index(probe.best)] for probe in (other, one))
    return paired_gain_interval(before, after, one.primary, seed=0).interval.low > 0
