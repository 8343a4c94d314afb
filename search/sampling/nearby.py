"""Settings near those of good trials: what a search suggests while it has too few trials to learn from.

A tree-structured Parzen estimator of five trials with twenty settings knows nothing: it draws nearly anywhere, and most
of what lies anywhere reads worse than what a person would type. Near good settings are mostly good ones, and their
weights may be averaged (`search/selection/soup.py`).
"""

import math
import random
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

ENOUGH = 20
"""Trials that have ended, from which on TPE suggests."""
GIVEN = "fixed_params"
"""What Optuna notes at a trial whose settings it was given."""
STEP, REDRAWN = 0.15, 0.2
"""By what share of its range a number moves, as a standard deviation, and how often a choice is drawn anew."""


class Nearby(TPESampler):
    """TPE that begins near good trials: the better half of those that have ended, at first what it was given.

    What such a trial does not have, as its other choices leave it closed, is taken from the best one that has it.
    """

    def __init__(self, seed: int, **tpe: Any) -> None:
        super().__init__(seed=seed, **tpe)
        self._own = random.Random(seed)
        self._trial = -1
        self._known: list[dict[str, Any]] = []

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the distributions of the settings that are suggested together: none as long as trials are few."""
        if is_learning(study):
            found: dict[str, BaseDistribution] = super().infer_relative_search_space(study, trial)
            return found
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return settings that are suggested together: TPE's, where there are some."""
        if not search_space:
            return {}
        suggested: dict[str, Any] = super().sample_relative(study, trial, search_space)
        return suggested

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a setting: near one that is known, or where none is as TPE draws it."""
        if not is_learning(study):
            if self._trial != trial.number:
                self._trial, self._known = trial.number, self._choose(study, trial)
            for settings in self._known:
                if param_name in settings:
                    return move(settings[param_name], param_distribution, self._own)
        return super().sample_independent(study, trial, param_name, param_distribution)

    def _choose(self, study: Study, trial: FrozenTrial) -> list[dict[str, Any]]:
        """Return the settings to keep near to, and those of all others behind them, the best first."""
        ended, running = rank_ended(study), list_running(study, trial)
        # Where speed counts, too, the best readers are not all that is good.
        near = half(ended) if len(study.directions) == 1 else ended
        near = near or half(running)
        return [self._own.choice(near), *ended, *running] if near else []


def half(best_first: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the better half: of one the one, of three two."""
    return best_first[: math.ceil(len(best_first) / 2)]


def is_learning(study: Study) -> bool:
    """Tell whether so many trials have ended that TPE has something to learn from."""
    states = (TrialState.COMPLETE, TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=states)) >= ENOUGH


def rank_ended(study: Study) -> list[dict[str, Any]]:
    """Return the settings of the trials that ended with a score, the best first; of two objectives the first ranks."""
    ended: list[FrozenTrial] = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [one.params for one in sorted(ended, key=lambda one: -one.values[0])]


def list_running(study: Study, trial: FrozenTrial) -> list[dict[str, Any]]:
    """Return the settings of the trials that run beside this one and were given, in their order; of all if none was."""
    running: list[FrozenTrial] = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    others = [one for one in running if one.number != trial.number]
    return [one.params for one in others if GIVEN in one.system_attrs] or [one.params for one in others]


def move(value: Any, distribution: BaseDistribution, rng: random.Random) -> Any:
    """Return a value near another: in a range a normal step off, reflected at its ends; of choices mostly the same.

    In a small range of whole numbers a step seldom reaches the next one: as often as a choice is drawn anew it does.
    """
    if isinstance(distribution, CategoricalDistribution):
        return rng.choice(distribution.choices) if rng.random() < REDRAWN else value
    assert isinstance(distribution, FloatDistribution | IntDistribution), "spaces have no other domains"
    scale, back = (math.log, math.exp) if distribution.log else (float, float)
    low, high = scale(distribution.low), scale(distribution.high)
    moved = reflect(scale(value) + rng.gauss(0, STEP * (high - low)), low, high)
    number = min(max(back(moved), distribution.low), distribution.high)
    if isinstance(distribution, FloatDistribution):
        return number
    rounded = distribution.low + round((number - distribution.low) / distribution.step) * distribution.step
    if rounded != value or rng.random() >= REDRAWN:
        return rounded
    beside = [value - distribution.step, value + distribution.step]
    return rng.choice([one for one in beside if distribution.low <= one <= distribution.high] or [value])


def reflect(value: float, low: float, high: float) -> float:
    """Return a value inside of [low, high]: what lies beyond an end, by as much on this side of it."""
    inside = 2 * low - value if value < low else 2 * high - value if value > high else value
    return min(max(inside, low), high)
