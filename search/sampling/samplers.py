"""Who suggests the next configuration: Optuna's samplers, and what each does with settings that it cannot move.

TPE and random draws suggest every setting. CMA-ES moves numbers alone, and the Gaussian process needs the same settings
in every trial: neither can move a setting that depends on others or has alternatives. TPE suggests those one by one,
and `explain` says at the start which they are.
"""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, get_args

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler

from search.preflight.probing.latency import list_architectures
from search.sampling.nearby import ENOUGH, Nearby
from search.settings import Sampler, StudySettings
from spaces.parameter import Choice
from spaces.space import SearchSpace
from train.errors import UsageError

STARTUP = 5
"""Trials of a model-based sampler before its model; warm starts count."""


def list_always_open(space: SearchSpace, numbers: bool = False) -> list[str]:
    """Return the names of the settings that every trial has under one name; of `numbers`, only those with a range."""
    alternatives = Counter(parameter.key for parameter in space.parameters)
    return [
        parameter.name
        for parameter in space.parameters
        if not parameter.when
        and alternatives[parameter.key] == 1
        and not (numbers and isinstance(parameter.domain, Choice))
    ]


class _Always:
    """Limits a sampler to the settings that every trial has: with others its space would change between trials."""

    names: frozenset[str] = frozenset()

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, BaseDistribution]:
        """Return the distributions of the settings that are suggested together."""
        space: dict[str, BaseDistribution] = super().infer_relative_search_space(study, trial)  # type: ignore[misc]
        return {name: distribution for name, distribution in space.items() if name in self.names}


class Evolution(_Always, optuna.samplers.CmaEsSampler):
    """CMA-ES over the numbers that every trial has (Hansen, 2016)."""


class GaussianProcess(_Always, optuna.samplers.GPSampler):
    """A Gaussian process over the settings that every trial has."""


def tpe(space: SearchSpace, seed: int, points: int) -> BaseSampler:
    """Return a tree-structured Parzen estimator over groups of settings that are open together.

    Where there is something to try first, and a number that keeps its neighbours apart, it begins near what is good.
    """
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # `group`, for conditional spaces
    kind = Nearby if points and list_always_open(space, numbers=True) else optuna.samplers.TPESampler
    startup = min(max(points, 2), ENOUGH)
    return kind(seed=seed, multivariate=True, group=True, constant_liar=True, n_startup_trials=startup)


def random_search(space: SearchSpace, seed: int, points: int) -> BaseSampler:
    """Return even draws from the space."""
    return optuna.samplers.RandomSampler(seed=seed)


def evolution(space: SearchSpace, seed: int, points: int) -> BaseSampler:
    """Return CMA-ES; raise UsageError for a space with fewer than two numbers for it to move."""
    names = list_always_open(space, numbers=True)
    if len(names) < 2:
        raise UsageError(
            "--sampler cma-es needs two numbers that every trial has",
            f"{', '.join(names) or 'none'} in the space {space.name}",
            "use tpe, or a space with more parameters that have a range and no `when`",
        )
    return _over(Evolution, names, seed, points)


def gaussian_process(space: SearchSpace, seed: int, points: int) -> BaseSampler:
    """Return a Gaussian process; raise UsageError without scipy, or for a space in which trials share no setting."""
    if find_spec("scipy") is None:
        raise UsageError("--sampler gp needs scipy", "not installed", "pip install -e '.[gp]', or use tpe")
    names = list_always_open(space)
    if not names:
        raise UsageError(
            "--sampler gp needs a parameter that every trial has",
            f"none in the space {space.name}",
            "use tpe, or a space with a parameter without `when`",
        )
    return _over(GaussianProcess, names, seed, points)


def _over(
    kind: type[Evolution] | type[GaussianProcess], names: Sequence[str], seed: int, points: int
) -> BaseSampler:
    """Return a sampler of these settings; TPE suggests the others one by one."""
    startup = max(points, STARTUP)
    others = optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)
    sampler = kind(
        seed=seed, n_startup_trials=startup, independent_sampler=others, warn_independent_sampling=False
    )
    sampler.names = frozenset(names)
    return sampler


SAMPLERS: dict[Sampler, Callable[[SearchSpace, int, int], BaseSampler]] = {
    "tpe": tpe,
    "random": random_search,
    "cma-es": evolution,
    "gp": gaussian_process,
}
assert set(SAMPLERS) == set(get_args(Sampler))


def explain(sampler: BaseSampler, space: SearchSpace) -> str:
    """Say what a sampler suggests together and what setting by setting; empty where there is nothing to say."""
    if not isinstance(sampler, _Always):
        return ""
    apart = [parameter.name for parameter in space.parameters if parameter.name not in sampler.names]
    together = f"the sampler moves together: {', '.join(sorted(sampler.names))}"
    return f"{together}; TPE suggests the others one by one: {', '.join(apart)}" if apart else together


MULTI_OBJECTIVE = ("tpe", "random", "gp")


def check_objectives(settings: StudySettings, space: SearchSpace) -> None:
    """Raise UsageError for a sampler or scheduler that cannot have two objectives, or for too large a space."""
    if settings.objectives == "accuracy":
        return
    list_architectures(space)
    sampler, scheduler = settings.chosen_sampler, settings.scheduler
    if sampler not in MULTI_OBJECTIVE:
        raise UsageError(
            "--objectives accuracy,latency needs a sampler of several objectives",
            f"--sampler {sampler}",
            f"use {', '.join(MULTI_OBJECTIVE)}",
        )
    if scheduler == "pbt":
        raise UsageError(
            "--objectives accuracy,latency needs a scheduler that keeps fast trials: a population keeps accurate ones",
            f"--scheduler {scheduler}",
            "use another --scheduler, or leave out --objectives",
        )
