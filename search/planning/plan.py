"""What a study is going to do: pure decisions from all that is known before the first trial."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from search.planning.as_read import find_own_widths, fix_as_read
from search.planning.chances import (
    ENOUGH_TRIALS,
    drop_hopeless_models,
    order_probes,
    pick_affordable_models,
)
from search.planning.clock import Clock
from search.planning.companion import plan_companion
from search.planning.ending import Ending, plan_ending
from search.planning.packing import Nodes, Resources
from search.planning.resources import fit_as_begun, fit_resources
from search.planning.time_budget import (
    TimeBudget,
    divide,
    fit_epochs,
    list_epoch_seconds,
    make_budget,
)
from search.planning.warm_starts import add_earlier, fit_configs
from search.preflight.general import drop_forgetful_charset
from search.preflight.narrowing import Narrowed, list_models, narrow
from search.preflight.probing.probe import Probe
from search.preflight.stages import Probed
from search.records.evidence import EarlierStudy, Latencies
from search.records.facts import Reservation, sum_reserved
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import TrialConfig


@dataclass(frozen=True)
class Plan:
    """What the search is about to do.

    Attributes:
        space: that trials are drawn from.
        points: what to try first.
        budget: how the time is divided.
        resources: how trials share the cluster.
        reservation: what a trial takes of the cluster, over all its workers.
        earlier: winners of other studies that are tried first, too.
        companion: what one place trains on all samples in place of trials; None for nothing.
        ending: what follows the last trial; None without a time budget.
    """

    space: SearchSpace
    points: list[dict[str, Any]]
    budget: TimeBudget
    resources: Resources
    reservation: Reservation
    earlier: tuple[EarlierStudy, ...] = ()
    companion: TrialConfig | None = None
    ending: Ending | None = None

    @property
    def places(self) -> int | None:
        """How many trials run at a time where one place is not theirs; None for as many as the cluster holds."""
        return None if self.companion is None else self.resources.concurrent - 1


@dataclass(frozen=True)
class Planned:
    """A study that is ready to search.

    Attributes:
        clock: the plan's budget as it runs.
        latencies: of every architecture; none where accuracy alone is searched for.
    """

    probed: Probed
    plan: Plan
    clock: Clock
    latencies: Latencies = field(default_factory=dict)

    @property
    def settings(self) -> StudySettings:
        """The study's."""
        return self.probed.settings


def make_plan(probed: Probed, nodes: Nodes, now: float, began: int | None = None) -> Plan:
    """Fit the space, the trials' length and their number at a time to readings, machine and budget; `now` is Unix time.

    A study that is resumed keeps to `began` trials at a time (`fit_as_begun`). Raises UsageError if nothing is left to
    search, or the nodes are too small for a trial.
    """
    settings, probes, space = probed.settings, probed.probes, probed.prepared.space
    if settings.max_epochs is None:
        space = narrow(space, [partial(lengthen, samples=len(probed.data.training.train))])
    line_s = max(probe.cost.evaluate for probe in probes)
    choosing_s = max(probe.choosing_s for probe in probes)
    ending = plan_ending(settings, probed.data, line_s, probed.rehearsal, choosing_s)
    whole = make_budget(settings, space, probes, probed.data, probed.prepared.started, ending)
    space = narrow_as_measured(probed, space, whole, nodes, now)
    searched = [probe for probe in probes if probe.model in list_models(space)]
    space, whole = fit_epochs(whole, settings, space, searched, now)
    # There is room for more trials at a time if the models left out were the larger ones.
    if probed.prepared.resume:
        resources = fit_as_begun(settings, nodes, space, searched, began)
    else:
        resources = fit_resources(settings, nodes, space, searched)
    points, earlier = order_points(probed, space)
    budget = divide(whole, settings, searched, resources.concurrent, now)
    fresh = bool(points) and resources.concurrent > 1 and not probed.prepared.resume
    return Plan(
        space=space,
        points=points,
        budget=budget,
        resources=resources,
        companion=plan_companion(settings, space, points[0], budget, searched, now) if fresh else None,
        reservation=sum_reserved(resources.trial.amounts, settings.workers),
        earlier=earlier,
        ending=ending,
    )


def lengthen(space: SearchSpace, samples: int) -> Narrowed:
    """Give trials on few samples, whose epochs are few steps, as many as the space's `least_updates` takes."""
    longer, steps = space.lengthened(samples), space.least_updates.updates
    if longer is space:
        return space, ""
    return (
        longer,
        f"{samples} training samples: up to {longer.fixed['epochs']} epochs a trial, for {steps} steps",
    )


def narrow_as_measured(
    probed: Probed, space: SearchSpace, budget: TimeBudget, nodes: Nodes, now: float
) -> SearchSpace:
    """Return the space without what the readings and the time budget rule out, and print why.

    Raises UsageError if nothing else is in it.
    """
    settings, probes = probed.settings, probed.probes
    return narrow(
        space,
        [
            partial(drop_forgetful_charset, forgetting=probed.forgetting, data=probed.data),
            partial(
                drop_hopeless_models,
                probes=probes,
                seconds=list_epoch_seconds(budget, probes),
                settings=settings,
            ),
            partial(
                drop_unaffordable_models,
                probes=probes,
                settings=settings,
                budget=budget,
                nodes=nodes,
                now=now,
            ),
            partial(fix_as_read, probes=probes, settings=settings, unseen=probed.prepared.sets.unseen),
        ],
    )


def drop_unaffordable_models(
    space: SearchSpace,
    probes: Sequence[Probe],
    settings: StudySettings,
    budget: TimeBudget,
    nodes: Nodes,
    now: float,
) -> Narrowed:
    """Leave out the models for which the time budget is too short."""
    probes = [probe for probe in probes if probe.model in list_models(space)]
    if budget.deadline is None or len(probes) == 1:
        return space, ""
    epochs = min(budget.max_epochs, TrialConfig().epochs)
    seconds = [epoch * epochs for epoch in list_epoch_seconds(budget, probes).values()]
    concurrent = fit_resources(settings, nodes, space, probes).concurrent
    places = min(concurrent, settings.trials or concurrent)
    models = pick_affordable_models(
        probes, seconds, places * (budget.deadline - now), settings.trials or ENOUGH_TRIALS
    )
    left_out = [probe.model for probe in probes if probe.model not in models]
    reason = f"the time budget is too short for all models: left out {', '.join(left_out)}"
    return space.with_choices("model", models), reason if left_out else ""


def order_points(probed: Probed, space: SearchSpace) -> tuple[list[dict[str, Any]], tuple[EarlierStudy, ...]]:
    """Return what to try first, and the winners of other studies among it: a forked study's best come first."""
    samples, fork = len(probed.data.training.train), probed.prepared.fork
    ranked = [probe.model for probe in order_probes(probed.probes)]
    widths = {model: {"fit_width": width} for model, width in find_own_widths(probed.probes).items()}
    known = max(probe.best.scores.primary for probe in probed.probes)
    points = sorted(
        space.warm_starts_for(samples, widths, known),
        key=lambda point: ranked.index(point["model"]) if "model" in point else 0,
    )
    points, earlier = add_earlier(probed.settings, space, points)
    if fork:
        first = fit_configs(fork, space)
        print(
            f"fork: {len(first)} of its {len(fork)} best configurations lie in this space: tried first",
            flush=True,
        )
        points = [*first, *(point for point in points if point not in first)]
    return points, earlier
