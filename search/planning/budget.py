"""What a time budget buys: how long a trial may run, and what is kept for training the best ones once more.

Pure functions of seconds and epochs. `TimeBudget` (`search/planning/time_budget.py`) asks them for a study.
"""

import heapq
import math
from collections.abc import Sequence

from search.settings import StudySettings
from train.errors import UsageError

ROUNDS, GOOD_EPOCHS = 3, 15
LEAST_EPOCHS = 3
SAFETY, UNCERTAINTY = 1.1, 0.75
FINALISTS, SEEDS = 3, 2  # that are trained again, and how often each
CONFIRM_SHARE, ASKED_CONFIRM_SHARE, CONFIRM_START_S = 0.2, 0.4, 15.0
TRIALS_PER_RUN = 4
REFIT_SHARE, REFIT_START_S = 0.2, 8.0
"""What refitting takes at most of the time, and until its process trains."""


def choose_trial_seconds(epoch_seconds: float, remaining_s: float, most: int | None = None) -> float:
    """Return how long a trial should take, so that several follow one another in the time that is left.

    A third of the time, if that is GOOD_EPOCHS epochs, else half or all of it: only trials that were long enough to be
    good tell something, and only such are worth averaging (`search/selection/soup.py`).

    Args:
        epoch_seconds: expected duration of an epoch of the model whose pretrained baseline is best.
        remaining_s: seconds until training has to end.
        most: trials that there may be one after the other; None for no limit.
    """
    rounds = int(remaining_s / (epoch_seconds * SAFETY * GOOD_EPOCHS))
    return remaining_s / max(1, min(rounds, ROUNDS, most or ROUNDS))


def allot_seconds(epoch_seconds: float, remaining_s: float, usual_s: float | None = None) -> float:
    """Return the time of a trial that starts now.

    What is left is divided evenly among the trials of about the usual length that still fit, or all of it goes to one.

    Args:
        epoch_seconds: expected duration of one of its epochs.
        remaining_s: seconds until training has to end.
        usual_s: see `choose_trial_seconds`; None for all of the time.
    """
    share = remaining_s / (max(1, round(remaining_s / usual_s)) if usual_s else 1)
    return share if share >= LEAST_EPOCHS * epoch_seconds * SAFETY else remaining_s


def plan_epochs(
    epoch_seconds: float, remaining_s: float | None, max_epochs: int, usual_s: float | None = None
) -> int:
    """Return how many epochs fit into the time of a trial that starts now; 0 if it is not worth starting.

    Args:
        epoch_seconds: expected duration of one of its epochs.
        remaining_s: seconds until training has to end; None without a time budget.
        max_epochs: the most that any trial may run.
        usual_s: see `choose_trial_seconds`; None for all of the time.
    """
    if remaining_s is None:
        return max_epochs
    seconds = allot_seconds(epoch_seconds, remaining_s, usual_s)
    epochs = min(int(seconds / (epoch_seconds * SAFETY)), max_epochs)
    return epochs if epochs >= min(LEAST_EPOCHS, max_epochs) else 0


def choose_initial_epochs(epochs: int, max_epochs: int) -> int:
    """Return with how many epochs a trial begins that fits its schedule to the time (`train/steps/schedule.py`).

    They are more than are expected to fit: it can become shorter but not longer, and the expected time of an epoch may
    be wrong by a quarter.

    Args:
        epochs: that are expected to fit.
        max_epochs: the most that any trial may run.
    """
    return min(math.ceil(epochs * SAFETY / UNCERTAINTY), max_epochs)


def plan_population_epochs(
    epoch_seconds: float, remaining_s: float | None, turns: float, max_epochs: int
) -> int:
    """Return how long every trial of a population may be, so that all end in time; 0 for not worth starting.

    Args:
        epoch_seconds: expected duration of an epoch.
        remaining_s: seconds until training has to end; None without a time budget.
        turns: trials that share one place.
        max_epochs: the most that any trial may run.
    """
    if remaining_s is None:
        return max_epochs
    epochs = min(int(remaining_s / (epoch_seconds * SAFETY * turns)), max_epochs)
    return epochs if epochs >= min(LEAST_EPOCHS, max_epochs) else 0


def check_confirm(settings: StudySettings) -> None:
    """Raise UsageError where finalists cannot be trained again."""
    if not settings.confirm:
        return
    if settings.population is not None:
        raise UsageError(
            "--confirm trains a configuration again, and with --scheduler pbt a winner has had several",
            settings.confirm,
            "leave it out, or use another --scheduler",
        )
    if settings.workers:
        raise UsageError(
            "--confirm trains each finalist in one process",
            f"--workers-per-trial {settings.workers}",
            "leave out one",
        )


def limit_finalists(settings: StudySettings, trials: int) -> int:
    """Return how many finalists may be trained again: as asked, else 3; without a budget a run for four trials."""
    if settings.population is not None or settings.workers or (settings.folds or 1) > 1:
        return 0
    if settings.confirm is not None:
        return settings.confirm
    return FINALISTS if settings.time_budget_s else min(FINALISTS, trials // TRIALS_PER_RUN // SEEDS)


def reserve_confirmation(
    settings: StudySettings, available_s: float, trial_s: float, concurrent: int
) -> float:
    """Return the seconds to keep from the search, so that finalists can be trained again; 0 if that is too much.

    Args:
        settings: the study's.
        available_s: for the search and this.
        trial_s: expected, of a whole trial.
        concurrent: trials at a time.
    """
    finalists = limit_finalists(settings, 0)
    by_user = settings.confirm is not None
    needed, least = (
        CONFIRM_START_S + SAFETY * _last_end([trial_s] * runs, concurrent)
        for runs in (finalists * SEEDS, SEEDS)
    )
    most = (ASKED_CONFIRM_SHARE if by_user else CONFIRM_SHARE) * available_s
    return min(needed, most) if finalists and most >= least else 0.0


def has_refit(settings: StudySettings) -> bool:
    """Return whether the winner is trained once more on all samples (`search/selection/refit.py`): over folds it is.

    It is not where forgetting is limited: only a validation score could show that the new network keeps the limit.
    """
    return settings.refit and (settings.folds or 1) > 1 and settings.max_forgetting is None


def reserve_refit(
    settings: StudySettings, available_s: float, fold_s: float, train_lines: int, val_lines: int
) -> float:
    """Return the seconds to keep for refitting; 0 where there is none.

    Args:
        settings: the study's.
        available_s: for the search and this.
        fold_s: expected, of a whole trial's first fold.
        train_lines: that it trains on.
        val_lines: that come to them.
    """
    needed = REFIT_START_S + SAFETY * fold_s * (1 + val_lines / train_lines)
    return min(needed, REFIT_SHARE * available_s) if has_refit(settings) and fold_s else 0.0


def choose_runs(seconds: Sequence[float], remaining_s: float | None, concurrent: int) -> tuple[int, int]:
    """Return how many finalists can be trained again, and each with how many seeds; (0, 0) for none.

    As many runs as there is time for; two runs of each finalist come before a further finalist.

    Args:
        seconds: that each finalist takes, the best one first.
        remaining_s: until training has to end; None for no limit.
        concurrent: at a time.
    """
    options = [(k, s) for k in range(1, len(seconds) + 1) for s in range(1, SEEDS + 1) if k * s > 1]
    for finalists, seeds in sorted(options, key=lambda o: (o[0] * o[1], o[1]), reverse=True):
        needed = CONFIRM_START_S + SAFETY * _last_end([*seconds[:finalists]] * seeds, concurrent)
        if remaining_s is None or needed <= remaining_s:
            return finalists, seeds
    return 0, 0


def _last_end(seconds: Sequence[float], places: int) -> float:
    """Return when the last of some runs ends that begin in this order, each as soon as a place is free."""
    free = [0.0] * places
    for run in seconds:
        heapq.heapreplace(free, free[0] + run)
    return max(free)
