"""What stops trials that lag behind: Ray Tune's schedulers, made for epochs and for the study's length."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.schedulers.async_hyperband import _Bracket

from search.planning.clock import Clock
from search.records.trial_report import EPOCH, METRIC
from search.sampling.population import Population
from search.settings import Scheduler
from spaces.space import SearchSpace
from train.config import TrialConfig, config_from_mapping
from train.scoring.intervals import standard_error
from train.scoring.scores import ShareScores
from train.tasks import TASKS

GRACE_SHARE, REDUCTION = 0.25, 2
LEAST_BEHIND = 1.5
"""Samples: one, and the scores that break ties, worth half of one at most. Where all samples are right, or all but one,
the standard error is less: by that a trial would stop for a single sample, or for how sure it is."""
LEAST_OTHERS = 3
BRACKETS, BRACKET_REDUCTION = 3, 3


class Rungs(_Bracket):
    """An ASHA bracket that lets a trial go on up to a standard error below the cutoff.

    A trial that is a line behind has lost nothing yet, and one with a higher learning rate lags until that falls. A
    trial also goes on where the time left holds no other one of about its length: stopping it would gain nothing.

    Args:
        samples: that a score is a share of at each report, the last one's at all later ones; folds add theirs up.
        clock: knows what time is left; None for no limit.
        least: so many samples a trial may always be behind.
    """

    _clock: Clock | None = None  # of a study that was begun without it, as the next one
    _least: float = 0.0

    def __init__(self, samples: Sequence[int], clock: Clock | None, least: float, *bracket: Any) -> None:
        super().__init__(*bracket)
        self._samples, self._clock, self._least = samples, clock, least

    def on_result(self, trial: Any, cur_iter: int, cur_rew: float | None) -> str:
        """Return whether the trial goes on; note its score where it is the first one at a rung."""
        action = str(super().on_result(trial, cur_iter, cur_rew))
        if action != TrialScheduler.STOP or self._clock is None:
            return action
        config = config_from_mapping(trial.config, "trial")
        return action if self._clock.has_room_for_another(config) else str(TrialScheduler.CONTINUE)

    def cutoff(self, recorded: Mapping[str, float]) -> float | None:
        """Return the score below which a trial stops at a rung, given the others' scores there; None without any."""
        score = super().cutoff(recorded)
        if score is None:
            return None
        report = next(int(milestone) for milestone, scores in self._rungs if scores is recorded)
        samples = self._samples[min(report, len(self._samples)) - 1]
        return float(score) - max(standard_error(float(score), samples), self._least / samples)


def halving(
    max_epochs: int, samples: Sequence[int] = (), clock: Clock | None = None, least: float = 0.0
) -> ASHAScheduler:
    """Return what stops the worse half of the trials at every rung (ASHA, Li et al., 2020), see `Rungs`.

    Args:
        max_epochs: of the longest trial.
        samples: that trials are scored on at each report, see `Rungs`; none for cutoffs without a margin.
        clock: knows what time is left, see `Rungs`.
        least: see `Rungs`.
    """
    longest, grace = max_epochs + 1, max(1, round(GRACE_SHARE * max_epochs))
    scheduler = ASHAScheduler(EPOCH, METRIC, "max", longest, grace, REDUCTION)
    if samples:
        scheduler._brackets = [Rungs(samples, clock, least, grace, longest, REDUCTION, 0)]
    return scheduler


def choose_least_behind(space: SearchSpace) -> float:
    """Return how many samples a trial may always be behind: none where scores are no share of them.

    Of a few photos an hmean tells more than such a share.
    """
    kind = TASKS.get(str(space.fixed.get("task", TrialConfig().task))).scores
    return LEAST_BEHIND if issubclass(kind, ShareScores) else 0.0


def brackets(max_epochs: int) -> ASHAScheduler:
    """Return asynchronous Hyperband (Li et al., 2018 and 2020): three ASHAs, the first rung at 1/9, 1/3 or the end.

    Each keeps a third at every rung. So the first one stops more trials than `asha`, and sooner; the last one lets
    every trial run.
    """
    return ASHAScheduler(
        time_attr=EPOCH,
        metric=METRIC,
        mode="max",
        max_t=max_epochs + 1,
        grace_period=max(1, round(max_epochs / BRACKET_REDUCTION ** (BRACKETS - 1))),
        reduction_factor=BRACKET_REDUCTION,
        brackets=BRACKETS,
    )


class MedianStopping(FIFOScheduler):
    """Stops a trial whose best score so far lies below the median of the others' at that epoch (Golovin et al., 2017).

    Ray's own compares with means over epochs, pauses trials, and forgets all others when a study is resumed.
    """

    def __init__(self, grace: int) -> None:
        super().__init__()
        self._grace = grace
        self._best: dict[str, dict[int, float]] = {}

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Return whether the trial goes on."""
        epoch, best = int(result[EPOCH]), float(result[METRIC])
        others = [
            found[epoch] for name, found in self._best.items() if name != trial.trial_id and epoch in found
        ]
        self._best.setdefault(trial.trial_id, {})[epoch] = best
        stop = epoch >= self._grace and below_median(best, others)
        return str(TrialScheduler.STOP if stop else TrialScheduler.CONTINUE)


def below_median(best: float, others: Sequence[float]) -> bool:
    """Return whether `best` is less than the median of at least LEAST_OTHERS others."""
    return len(others) >= LEAST_OTHERS and best < median(others)


def by_median(max_epochs: int) -> MedianStopping:
    """Return the median rule, which lets a trial be for as long as ASHA does."""
    return MedianStopping(max(1, round(GRACE_SHARE * max_epochs)))


SCHEDULERS: dict[Scheduler, Callable[[int, SearchSpace, Sequence[int], Clock | None], TrialScheduler]] = {
    "asha": lambda max_epochs, space, samples, clock: halving(
        max_epochs, samples, clock, choose_least_behind(space)
    ),
    "hyperband": lambda max_epochs, *_: brackets(max_epochs),
    "median": lambda max_epochs, *_: by_median(max_epochs),
    "pbt": lambda max_epochs, space, *_: Population(max_epochs, space),
    "none": lambda *_: FIFOScheduler(),
}
"""By name; each is made of the epochs of the longest trial, the space, and of samples and clock, see `halving`."""


class KeptRungs(tune.Callback):
    """Saves the scheduler with the experiment, which Tune leaves out: a resumed study compares with all its trials."""

    def __init__(self, scheduler: TrialScheduler) -> None:
        self._scheduler = scheduler

    def get_state(self) -> dict[str, Any]:
        """Return what the scheduler's own `save` writes."""
        if isinstance(
            self._scheduler, Population
        ):  # knows the living alone, who come back with the experiment
            return {}
        return dict(vars(self._scheduler))

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with the rungs of the interrupted run."""
        vars(self._scheduler).update(state)
