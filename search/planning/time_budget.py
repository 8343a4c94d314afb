"""How a study's time is divided among its trials: a frozen value, and the pure functions that make it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from search.planning.budget import (
    GOOD_EPOCHS,
    LEAST_EPOCHS,
    SAFETY,
    allot_seconds,
    choose_initial_epochs,
    choose_trial_seconds,
    plan_epochs,
    plan_population_epochs,
    reserve_confirmation,
    reserve_refit,
)
from search.planning.ending import LATE_SHARE, Ending
from search.preflight.cost import Cost
from search.preflight.data import StudyData
from search.preflight.probing.probe import Probe
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.data.batching.mixture import MAX_SHARE
from train.techniques import build_technique

TRIAL_START_S = 10.0
ROOM_SHARE = 0.75
"""Of the time of a usual trial, that has to be left for another one to be as good."""
TRAIN_S, TRAIN_SHARE = 40.0, 0.3
LEAST_SAMPLES, ROOM = 32, 0.9
"""Of an epoch that is a part of a whole one, and the share of the time that it is made to fit in."""


@dataclass(frozen=True)
class TimeBudget:
    """When training has to end, and what a line costs: all that fits a trial's length to the time left.

    Attributes:
        deadline: Unix time at which the search's trials have to end; None without a budget.
        max_epochs: of the longest trial.
        train_lines: the user's own.
        val_lines: validation samples, the general ones included.
        costs: by model.
        folds: that a trial trains one after the other.
        turns: how many trials of a population share a place; None where each has one until it ends.
        reserved_s: after the deadline, in which finalists are trained again (`search/selection/confirm.py`).
        usual_s: seconds that a trial should take; None for as long as there is time.
        epoch_share: of the training samples that an epoch sees.
        refit_s: after all that, in which the winner is trained on all samples (`search/selection/refit.py`).
        usual: settings of a trial of which nothing is said that decide what an epoch takes (`find_usual_settings`).
        late_s: by how much an epoch that was expected to end in time may miss the deadline.
    """

    deadline: float | None
    max_epochs: int
    train_lines: int
    val_lines: int
    costs: Mapping[str, Cost] = field(default_factory=dict)
    folds: int = 1
    turns: float | None = None
    reserved_s: float = 0.0
    usual_s: float | None = None
    epoch_share: float = 1.0
    refit_s: float = 0.0
    usual: tuple[tuple[str, str | float], ...] = ()  # no factory: states that were pickled before lack it
    late_s: float = 0.0

    def epochs_for(self, config: TrialConfig, now: float) -> int:
        """Return how long a trial that starts now (Unix time) may run; 0 for not at all."""
        seconds = self.epoch_seconds(config)
        remaining = None if self.deadline is None else self.deadline - now
        longest = min(self.max_epochs, config.epochs)
        if self.turns is not None:
            return plan_population_epochs(seconds, remaining, self.turns, longest)
        epochs = plan_epochs(seconds, remaining, longest, self.usual_s)
        return choose_initial_epochs(epochs, longest) if self.trials_fit_themselves else epochs

    def deadline_for(self, config: TrialConfig, now: float) -> float | None:
        """Return when (Unix time) the schedule of a trial that starts now has to end; None for a length that stays.

        A trial knows best how long its epochs take: beside others and on its own node.
        """
        if self.deadline is None or not self.trials_fit_themselves:
            return None
        return now + allot_seconds(self.epoch_seconds(config), self.deadline - now, self.usual_s)

    @property
    def trials_fit_themselves(self) -> bool:
        """Whether each trial fits its schedule to its time; in a population and over folds they are of one length."""
        return self.deadline is not None and self.turns is None and self.folds == 1

    def has_room_for_another(self, config: TrialConfig, now: float) -> bool:
        """Tell whether another trial like this one could begin now (Unix time) and be about as long as usual."""
        if self.deadline is None:
            return True
        longest = self.max_epochs * self.epoch_seconds(config) * SAFETY
        return self.deadline - now >= ROOM_SHARE * min(self.usual_s or longest, longest)

    @property
    def lines_read(self) -> float:
        """How many validation samples are read in a mean epoch: all, but over folds after the last one alone."""
        return self.val_lines / (1 if self.folds == 1 else min(self.max_epochs, GOOD_EPOCHS))

    def epoch_seconds(self, config: TrialConfig) -> float:
        """Return the expected seconds of a trial's mean epoch, over all folds."""
        seconds = self.costs[config.model].epoch_seconds(config, self.train_lines, self.lines_read)
        return self.folds * (seconds + self._teacher_line(config) * config.epoch_share * self.train_lines)

    def _teacher_line(self, config: TrialConfig) -> float:
        """Return the seconds in which a trial's teacher reads a line; for a model of the space it was measured.

        Any other is taken to read as slowly as the student trains: it is the larger one.
        """
        distillation = build_technique(config.technique).distillation
        if distillation is None:
            return 0.0
        teacher = self.costs.get(distillation.teacher)
        return teacher.evaluate if teacher else self.costs[config.model].full


def make_budget(
    settings: StudySettings,
    space: SearchSpace,
    probes: Sequence[Probe],
    data: StudyData,
    started: float,
    ending: Ending | None,
) -> TimeBudget:
    """Return the time for training as a whole: what follows the search has its own.

    Args:
        settings: the study's.
        space: says how long the longest trial is, unless the settings do.
        probes: of all models.
        data: how many samples there are.
        started: Unix time at which the study began.
        ending: what follows the search; None without a time budget.
    """
    val_lines = len(data.training.val) + len(data.training.general or ())
    deadline = None
    if settings.time_budget_s and ending is not None:
        deadline = started + settings.time_budget_s - ending.reserved_s
    return TimeBudget(
        deadline=deadline,
        max_epochs=settings.max_epochs or int(space.fixed.get("epochs", TrialConfig().epochs)),
        train_lines=len(data.training.train),
        val_lines=val_lines,
        costs={probe.model: probe.cost for probe in probes},
        folds=settings.folds or 1,
        usual=find_usual_settings(space),
        late_s=0.0 if ending is None else LATE_SHARE * ending.reserved_s,
    )


def find_usual_settings(space: SearchSpace) -> tuple[tuple[str, str | float], ...]:
    """Return the charset of a usual trial, and the share of general and drawn lines: both make an epoch longer.

    The share stands under `replay`, as drawn lines cost the same.
    """
    further = min(MAX_SHARE, sum(float(str(space.usual(key) or 0)) for key in ("replay", "synthetic")))
    return ("replay", further), ("charset", str(space.usual("charset") or TrialConfig().charset))


def divide(
    budget: TimeBudget, settings: StudySettings, probes: Sequence[Probe], concurrent: int, now: float
) -> TimeBudget:
    """Return the budget divided: time kept for training the best trials again, the rest among trials in a row.

    Args:
        budget: the whole of it.
        settings: the study's.
        probes: of the models that are searched.
        concurrent: trials at a time.
        now: Unix time.
    """
    if settings.population is not None:
        budget = replace(budget, turns=max(1.0, settings.population / concurrent))
    if budget.deadline is None:
        return budget
    epoch, available = estimate_epoch(budget, probes), budget.deadline - now
    in_a_row = -(-settings.trials // concurrent) if settings.trials else None
    usual = choose_trial_seconds(epoch, available, in_a_row)
    epochs = plan_epochs(epoch, available, budget.max_epochs, usual)
    further = reserve_refit(
        settings, available, epochs * epoch / budget.folds, budget.train_lines, budget.val_lines
    )
    available -= further
    reserved = reserve_confirmation(settings, available, epochs * epoch, concurrent) if epochs else 0.0
    return replace(
        budget,
        deadline=budget.deadline - further - reserved,
        refit_s=further,
        reserved_s=reserved,
        usual_s=choose_trial_seconds(epoch, available - reserved, in_a_row),
    )


def estimate_epoch(budget: TimeBudget, probes: Sequence[Probe]) -> float:
    """Return the expected seconds of an epoch, over all folds, of the model whose pretrained baseline is best."""
    best = max(probes, key=lambda probe: probe.best.scores.rank)
    config = make_typical_config(best, budget).model_copy(update={"epoch_share": budget.epoch_share})
    return budget.folds * best.cost.epoch_seconds(config, budget.train_lines, budget.lines_read)


def list_epoch_seconds(budget: TimeBudget, probes: Sequence[Probe]) -> dict[str, float]:
    """Return the expected seconds of an epoch of each model's usual trial, over all folds; by model."""
    return {
        probe.model: budget.epoch_seconds(
            make_typical_config(probe, budget).model_copy(update={"model": probe.model})
        )
        for probe in probes
    }


def make_typical_config(probe: Probe, budget: TimeBudget) -> TrialConfig:
    """Return a usual trial of a model: of its task, in detection on squares as large as those that were timed."""
    usual = TrialConfig.model_validate(dict(budget.usual))
    if not probe.configs:
        return usual
    return usual.model_copy(update={"task": probe.configs[0].task, "detection": probe.configs[0].detection})


def fit_epochs(
    budget: TimeBudget, settings: StudySettings, space: SearchSpace, probes: Sequence[Probe], now: float
) -> tuple[SearchSpace, TimeBudget]:
    """Let an epoch see a part of the training samples where the time holds too few whole ones, and print it.

    Some time to train is left even where reading the models took longer than foretold: the search then overruns. At
    least half of it trains and the rest reads validation samples: where these take long, there are fewer epochs.
    """
    budget = replace(budget, usual=find_usual_settings(space))
    if budget.deadline is None or settings.time_budget_s is None:
        return space, budget
    least_s = min(TRAIN_S, TRAIN_SHARE * settings.time_budget_s)
    deadline = max(budget.deadline, now + least_s)
    budget, left = replace(budget, deadline=deadline), (deadline - now - TRIAL_START_S) / SAFETY
    least = min(LEAST_EPOCHS, budget.max_epochs)
    shortest = replace(budget, max_epochs=least)  # over folds, few epochs share what is read once
    whole = estimate_epoch(shortest, probes)
    decided = "epoch_share" in {*space.fixed, *(parameter.key for parameter in space.parameters)}
    if left <= 0 or decided or budget.turns is not None or least * whole <= left:
        return space, budget
    reading = estimate_epoch(replace(shortest, train_lines=0), probes)
    epochs = max(1, min(least, int(left / (2 * reading)) if reading else least))
    share = (left / epochs * ROOM - reading) / (whole - reading)
    total = budget.train_lines
    samples = min(max(LEAST_SAMPLES, int(share * total)), total)
    epoch = reading + samples / total * (whole - reading)
    budget = replace(budget, max_epochs=max(1, min(epochs, int(left / epoch))), epoch_share=samples / total)
    if samples == total:
        return space, budget
    print(
        f"the time is short: an epoch sees {samples} of the {total} training samples, others each time",
        flush=True,
    )
    return space.with_fixed({"epoch_share": budget.epoch_share}), budget
