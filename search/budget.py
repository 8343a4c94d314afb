"""What a time budget buys: pure decisions about how long a trial may run."""

import math
from dataclasses import dataclass

from train.config import TrialConfig
from train.tasks import TASKS
from train.techniques import build_technique

ROUNDS, GOOD_EPOCHS = 3, 15
LEAST_EPOCHS = 3
SAFETY, HOPE = 1.1, 0.75
PLAN_POINTS = 20
LABEL_CHECK_SHARE, LABEL_CHECK_READINGS = 0.05, 3
SOUP_SHARE, SOUP_START_S, SOUP_READINGS = 0.06, 5.0, 7


@dataclass(frozen=True)
class Cost:
    """Measured seconds per line of one model on one trial's share of the machine.

    Attributes:
        full: training with gradients through the whole network.
        frozen: training with gradients in neck and head only.
        evaluate: reading a line.
        keep: how much longer a step takes with the model's whole dictionary than with the domain's characters.
        work: what `Task.work` says of the settings that it was measured with.
    """

    full: float
    frozen: float
    evaluate: float
    keep: float = 1.0
    work: float = 1.0

    def epoch_seconds(self, config: TrialConfig, train_lines: int, val_lines: int) -> float:
        """Return the expected seconds of a mean epoch of `config`; further lines come on top of the user's own."""
        technique = build_technique(config.technique)
        plans = [technique.plan(i / PLAN_POINTS) for i in range(PLAN_POINTS)]
        deep = sum(any(plan[g] > 0 for g in plan if g.startswith(("stem", "backbone"))) for plan in plans)
        line = self.frozen + (self.full - self.frozen) * deep / PLAN_POINTS
        line *= TASKS.get(config.task).work(config) / self.work
        dictionary = self.keep if config.charset == "keep" else 1.0
        lines = train_lines / (1 - config.replay - config.synthetic)
        return dictionary * (line * lines + self.evaluate * val_lines)


def usual_seconds(epoch_seconds: float, remaining_s: float, most: int | None = None) -> float:
    """Return how long a trial should take, so that several follow one another in the time that is left.

    A third of the time, if that is GOOD_EPOCHS epochs, else half or all of it: only trials that were long enough to be
    good tell something, and only such are worth averaging (`search/soup.py`).

    Args:
        epoch_seconds: expected duration of an epoch of the model that reads best untouched.
        remaining_s: seconds until training has to end.
        most: trials that there may be one after the other; None for no limit.
    """
    rounds = int(remaining_s / (epoch_seconds * SAFETY * GOOD_EPOCHS))
    return remaining_s / max(1, min(rounds, ROUNDS, most or ROUNDS))


def allotted_seconds(epoch_seconds: float, remaining_s: float, usual_s: float | None = None) -> float:
    """Return the time of a trial that starts now.

    What is left is divided evenly among the trials of about the usual length that still fit, or all of it goes to one.

    Args:
        epoch_seconds: expected duration of one of its epochs.
        remaining_s: seconds until training has to end.
        usual_s: see `usual_seconds`; None for all of the time.
    """
    share = remaining_s / (max(1, round(remaining_s / usual_s)) if usual_s else 1)
    return share if share >= LEAST_EPOCHS * epoch_seconds * SAFETY else remaining_s


def planned_epochs(
    epoch_seconds: float, remaining_s: float | None, max_epochs: int, usual_s: float | None = None
) -> int:
    """Return how many epochs fit into the time of a trial that starts now; 0 if it is not worth starting.

    Args:
        epoch_seconds: expected duration of one of its epochs.
        remaining_s: seconds until training has to end; None without a time budget.
        max_epochs: the most that any trial may run.
        usual_s: see `usual_seconds`; None for all of the time.
    """
    if remaining_s is None:
        return max_epochs
    seconds = allotted_seconds(epoch_seconds, remaining_s, usual_s)
    epochs = min(int(seconds / (epoch_seconds * SAFETY)), max_epochs)
    return epochs if epochs >= min(LEAST_EPOCHS, max_epochs) else 0


def hoped_epochs(epochs: int, max_epochs: int) -> int:
    """Return the length that a trial begins with which fits its schedule to the time as it runs (`train.course`).

    It may turn out shorter than that, but not longer; and what an epoch takes is known to a quarter or so.

    Args:
        epochs: that are expected to fit.
        max_epochs: the most that any trial may run.
    """
    return min(math.ceil(epochs * SAFETY / HOPE), max_epochs)


def label_check_seconds(budget_s: float, evaluate_s: float, val_lines: int) -> float:
    """Return what of a time budget is kept for asking further trials about the labels.

    Args:
        budget_s: the whole of it.
        evaluate_s: to read a line.
        val_lines: that each of them reads.
    """
    return min(LABEL_CHECK_SHARE * budget_s, LABEL_CHECK_READINGS * evaluate_s * val_lines)


def soup_seconds(budget_s: float, evaluate_s: float, val_lines: int) -> float:
    """Return what of a time budget is kept for averaging trials (`search/soup.py`).

    Args:
        budget_s: the whole of it.
        evaluate_s: to read a line.
        val_lines: that each average reads.
    """
    return min(SOUP_SHARE * budget_s, SOUP_START_S + SOUP_READINGS * evaluate_s * val_lines)


def population_epochs(epoch_seconds: float, remaining_s: float | None, turns: float, max_epochs: int) -> int:
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


def turns(population: int | None, concurrent: int) -> float | None:
    """Return how many trials of a population share a place; None without one."""
    return None if population is None else max(1.0, population / concurrent)
