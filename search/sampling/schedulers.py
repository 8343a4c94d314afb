"""What stops trials that lag behind: Ray Tune's schedulers, made for epochs and for the study's length."""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from ray.tune.schedulers.async_hyperband import _Bracket

from search.records.trial_report import EPOCH, METRIC
from search.sampling.population import Population
from search.settings import Scheduler
from spaces.space import SearchSpace
from train.scoring.intervals import standard_error

GRACE_SHARE, REDUCTION = 0.25, 2
LEAST_OTHERS = 3
BRACKETS, BRACKET_REDUCTION = 3, 3


class Rungs(_Bracket):  # type: ignore[misc]
    """A bracket whose cutoff lies lower by a standard error of the score that it is.

    A trial a line behind has lost nothing yet, and a schedule with a higher learning rate lags until it falls.

    Args:
        samples: that a score is a share of at each report, the last one's at all later ones; folds add theirs up.
    """

    def __init__(self, samples: Sequence[int], *bracket: Any) -> None:
        super().__init__(*bracket)
        self._samples = samples

    def cutoff(self, recorded: Mapping[str, float]) -> float | None:
        """Return the score under which a trial stops at a rung where others had these; None without any."""
        score = super().cutoff(recorded)
        if score is None:
            return None
        report = next(int(milestone) for milestone, scores in self._rungs if scores is recorded)
        samples = self._samples[min(report, len(self._samples)) - 1]
        return float(score) - standard_error(float(score), samples)


def halving(max_epochs: int, space: SearchSpace | None = None, samples: Sequence[int] = ()) -> ASHAScheduler:
    """Return what stops the worse half of the trials at every rung (ASHA, Li et al., 2020), see `Rungs`.

    Args:
        max_epochs: of the longest trial.
        space: what trials are drawn from; nothing to ASHA.
        samples: that trials are scored on at each report, see `Rungs`; none for cutoffs without a margin.
    """
    longest, grace = max_epochs + 1, max(1, round(GRACE_SHARE * max_epochs))
    scheduler = ASHAScheduler(EPOCH, METRIC, "max", longest, grace, REDUCTION)
    if samples:
        scheduler._brackets = [Rungs(samples, grace, longest, REDUCTION, 0)]
    return scheduler


def brackets(max_epochs: int, space: SearchSpace | None = None, samples: Sequence[int] = ()) -> ASHAScheduler:
    """Return asynchronous Hyperband (Li et al., 2018 and 2020): three ASHAs whose first rungs lie thrice as far each.

    The first one starts at a ninth of the longest trial and keeps a third at each rung: it stops sooner and more than
    `asha` does; the last one lets every trial run.
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


class MedianStopping(FIFOScheduler):  # type: ignore[misc]
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


def by_median(
    max_epochs: int, space: SearchSpace | None = None, samples: Sequence[int] = ()
) -> MedianStopping:
    """Return the median rule, which lets a trial be for as long as ASHA does."""
    return MedianStopping(max(1, round(GRACE_SHARE * max_epochs)))


def patient(max_epochs: int, space: SearchSpace | None = None, samples: Sequence[int] = ()) -> FIFOScheduler:
    """Return what lets every trial run to its end."""
    return FIFOScheduler()


SCHEDULERS: dict[Scheduler, Callable[[int, SearchSpace, Sequence[int]], TrialScheduler]] = {
    "asha": halving,
    "hyperband": brackets,
    "median": by_median,
    "pbt": Population.of,
    "none": patient,
}


class KeptRungs(tune.Callback):  # type: ignore[misc]
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
