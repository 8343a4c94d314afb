"""What is suggested while few trials have ended: settings near good ones, and TPE's from then on."""

import math
import random
from collections.abc import Mapping
from typing import Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from search.sampling.nearby import ENOUGH, Nearby, move
from search.sampling.samplers import tpe
from spaces.space import parse_space
from train.config import TrialConfig

SPACE = parse_space(
    """\
parameters:
  technique.name: {choice: [full, frozen, lora]}
  technique.options.rank: {int: [2, 32], log: true, when: {technique.name: lora}}
  optimiser.learning_rate:
    - {float: [1.0e-3, 1.0e-1], log: true, when: {technique.name: frozen}}
    - {float: [1.0e-6, 1.0e-2], log: true}
  augmentation.strength: {float: [0.0, 1.0]}
""",
    "some",
    "some.yaml",
)
LOW = {"technique.name": "full", "optimiser.learning_rate": 1e-5, "augmentation.strength": 0.1}
HIGH = {"technique.name": "full", "optimiser.learning_rate": 5e-3, "augmentation.strength": 0.9}
LORA = {"technique.name": "lora", "technique.options.rank": 9, "optimiser.learning_rate": 1e-4}


def study_of(*settings: Mapping[str, Any], seed: int = 0, **how: Any) -> optuna.Study:
    """Return a study that tries these first."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = tpe(SPACE, seed, len(settings))
    study = optuna.create_study(sampler=sampler, **(how or {"direction": "maximize"}))
    for one in settings:
        study.enqueue_trial(SPACE.complete(one)[0])
    return study


def asked(study: optuna.Study, count: int) -> list[TrialConfig]:
    return [SPACE.suggest(study.ask()) for _ in range(count)]


def powers(configs: list[TrialConfig]) -> list[float]:
    return [math.log10(config.optimiser.learning_rate) for config in configs]


def test_beside_what_is_tried_first_nothing_is_drawn_anywhere() -> None:
    """Four decades are open: a uniform draw lies two of them off in the mean. No two trials are the same."""
    study = study_of(LOW)
    [first, *others] = asked(study, 30)
    full = [config for config in others if config.technique.name == "full"]
    assert first.optimiser.learning_rate == 1e-5
    assert len(full) > 15
    assert all(abs(power + 5) < 2.5 for power in powers(full))
    assert sum(abs(power + 5) for power in powers(full)) / len(full) < 1
    assert len({config.model_dump_json() for config in others}) == 29


def test_what_has_ended_worse_than_the_half_is_no_neighbour() -> None:
    study = study_of(LOW, HIGH)
    trials = [study.ask(), study.ask()]
    scores = {SPACE.suggest(trial).optimiser.learning_rate: trial for trial in trials}
    for rate, trial in scores.items():
        study.tell(trial, 0.9 if rate == 5e-3 else 0.2)
    full = [config for config in asked(study, 30) if config.technique.name == "full"]
    assert all(power > -4.5 for power in powers(full))


def test_what_a_trial_lacks_is_taken_from_another() -> None:
    """The rank of adapters, 2 to 32, is a step from the only one that is known, 9, also in what was a full training."""
    study = study_of(LOW, LORA)
    trials = asked(study, 60)[2:]
    near = [config for config in trials if config.technique.name == "lora"]
    assert {config.technique.name for config in trials} == {"full", "frozen", "lora"}
    ranks = sorted(int(config.technique.options["rank"]) for config in near)
    assert 6 <= ranks[len(ranks) // 2] <= 13


def test_a_crashed_trial_is_no_neighbour() -> None:
    study = study_of(LOW, HIGH)
    bad, good = study.ask(), study.ask()
    for trial in (bad, good):
        SPACE.suggest(trial)
    study.tell(bad, state=optuna.trial.TrialState.FAIL)
    full = [config for config in asked(study, 20) if config.technique.name == "full"]
    assert all(power > -4.5 for power in powers(full))


def test_tpe_goes_on_when_enough_trials_have_ended() -> None:
    study = study_of(LOW)
    for count in range(ENOUGH):
        trial = study.ask()
        assert not trial.relative_params, "the settings that are suggested together"
        SPACE.suggest(trial)
        study.tell(trial, count / ENOUGH)
    assert study.ask().relative_params


def test_nearby_needs_something_to_be_near_to_and_a_number_that_tells_neighbours_apart() -> None:
    assert isinstance(tpe(SPACE, 0, 1), Nearby)
    assert not isinstance(tpe(SPACE, 0, 0), Nearby)
    choices = parse_space("parameters: {batch_size: {choice: [8, 16]}}", "some", "some.yaml")
    assert not isinstance(tpe(choices, 0, 1), Nearby)


def test_two_objectives_keep_fast_trials_as_neighbours() -> None:
    study = study_of(LOW, HIGH, directions=["maximize", "minimize"])
    for values in ((0.9, 20.0), (0.6, 5.0)):
        trial = study.ask()
        SPACE.suggest(trial)
        study.tell(trial, values)
    rates = powers([config for config in asked(study, 40) if config.technique.name == "full"])
    assert min(rates) < -4.5
    assert max(rates) > -3


@pytest.mark.parametrize(
    ("value", "distribution"),
    [
        (1e-2, FloatDistribution(1e-6, 1e-2, log=True)),
        (0.0, FloatDistribution(0.0, 0.6)),
        (32, IntDistribution(2, 32, log=True)),
        (1, IntDistribution(1, 9, step=2)),
    ],
)
def test_a_number_moves_inside_of_its_range(
    value: float, distribution: FloatDistribution | IntDistribution
) -> None:
    rng = random.Random(0)
    moved = [move(value, distribution, rng) for _ in range(200)]
    assert all(distribution._contains(distribution.to_internal_repr(one)) for one in moved)
    assert {type(one) for one in moved} == {type(distribution.low)}
    assert len(set(moved)) > 2


def test_a_whole_number_moves_in_a_range_of_two_as_a_choice_does() -> None:
    rng = random.Random(0)
    moved = [move(0, IntDistribution(0, 1), rng) for _ in range(200)]
    assert 20 < moved.count(1) < 60


def test_a_choice_mostly_stays() -> None:
    rng, distribution = random.Random(0), CategoricalDistribution(("a", "b", "c"))
    moved = [move("b", distribution, rng) for _ in range(200)]
    assert set(moved) == {"a", "b", "c"}
    assert moved.count("b") > 150
