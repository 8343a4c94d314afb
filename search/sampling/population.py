"""Population based training (Jaderberg et al., 2017): trials that lag behind go on from a better one's checkpoint.

The one that goes on takes over the whole configuration, architecture and length included, and changes of it what may
change in mid-run. Which settings Optuna suggested then says little about a trial's score, so nothing learns from it: a
population begins with the warm starts and random draws.
"""

import random
from collections.abc import Mapping
from typing import Any

from ray.tune.schedulers import PopulationBasedTraining
from ray.tune.schedulers.pbt import _PBTTrialState

from search.records.trial_report import EPOCH, SCORE
from search.settings import StudySettings
from spaces.parameter import FloatRange
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.errors import UsageError
from train.system.dotted import flatten, nest

MUTABLE = (
    "optimiser.learning_rate",
    "optimiser.weight_decay",
    "augmentation.probability",
    "augmentation.strength",
)
"""What may change in mid-run: nothing that decides the network, the data or the schedule."""
TURNS = 6
RESAMPLE, FACTORS = 0.25, (0.8, 1.2)


def find_mutable_ranges(space: SearchSpace, config: Mapping[str, Any]) -> dict[str, FloatRange]:
    """Return the ranges of what may change in mid-run and is open under `config` (nested), by dotted key."""
    values = flatten(dict(config))
    found: dict[str, FloatRange] = {}
    for parameter in space.parameters:
        domain = parameter.domain
        if parameter.key in MUTABLE and isinstance(domain, FloatRange) and parameter.active(values):
            found.setdefault(parameter.key, domain)
    return found


def mutate(config: Mapping[str, Any], space: SearchSpace, rng: random.Random) -> dict[str, Any]:
    """Return `config` (nested) with every mutable setting a fifth up or down, or drawn anew, inside its range."""
    values = flatten(dict(config))
    changed: dict[str, Any] = {}
    for key, domain in find_mutable_ranges(space, config).items():
        value = _draw(domain, rng) if rng.random() < RESAMPLE else float(values[key]) * rng.choice(FACTORS)
        changed[key] = min(max(value, domain.low), domain.high)
    return merge_settings(config, nest(changed))


def merge_settings(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with nested changes."""
    result = dict(config)
    for key, value in changes.items():
        result[key] = merge_settings(result[key], value) if isinstance(value, Mapping) else value
    return result


def _draw(domain: FloatRange, rng: random.Random) -> float:
    if domain.log:
        return float(domain.low * (domain.high / domain.low) ** rng.random())
    return rng.uniform(domain.low, domain.high)


def count_turn_epochs(max_epochs: int) -> int:
    """Return after how many epochs a trial may be told to go on from another's checkpoint."""
    return max(1, round(max_epochs / TURNS))


class Population(PopulationBasedTraining):
    """Ray's scheduler, which knows our spaces, and does not mind who suggested the first configurations.

    It looks through the trials about TURNS times over the longest one.
    """

    def __init__(self, max_epochs: int, space: SearchSpace) -> None:
        self._space = space
        self._rng = random.Random(int(space.fixed.get("seed", 0)))
        super().__init__(
            time_attr=EPOCH,
            metric=SCORE,  # of the weights as they are, not the best there were
            mode="max",
            perturbation_interval=count_turn_epochs(max_epochs),
            custom_explore_fn=self._explored,
            log_config=False,
        )

    def _explored(self, config: dict[str, Any]) -> dict[str, Any]:
        return mutate(config, self._space, self._rng)

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Take a trial in.

        Ray refuses searchers here, for they would learn from scores of changed settings; ours is a random one.
        """
        self._trial_state[trial] = _PBTTrialState(trial)


def check_population(settings: StudySettings, space: SearchSpace) -> None:
    """Raise UsageError for what a population cannot do."""
    size = settings.population
    if size is None:
        return
    if settings.chosen_sampler != "random":
        raise UsageError(
            "--scheduler pbt changes settings in mid-run, from which no sampler learns what a setting is worth",
            f"--sampler {settings.sampler}",
            "leave out --sampler, or use another --scheduler",
        )
    if settings.concurrent is not None or size < 2:
        raise UsageError(
            "a population is two trials or more, which take turns on all of the machine",
            f"--trials {size}, --concurrent {settings.concurrent}",
            "use --trials 8, and --cpus-per-trial instead of --concurrent",
        )
    if not any(p.key in MUTABLE and isinstance(p.domain, FloatRange) for p in space.parameters):
        raise UsageError(
            "--scheduler pbt needs a range for something that may change in mid-run",
            f"none of {', '.join(MUTABLE)} in the space {space.name}",
            "add one, or use another --scheduler",
        )


def read_mutable_settings(config: TrialConfig) -> dict[str, float]:
    """Return the values of what may change in mid-run, by dotted key."""
    values = flatten(config.model_dump())
    return {key: float(values[key]) for key in MUTABLE}
