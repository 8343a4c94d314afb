"""Every sampler searches the space that it says it can, and refuses what it cannot."""

from importlib.util import find_spec
from typing import Any

import optuna
import pytest

from search.sampling.samplers import SAMPLERS, explain, list_always_open
from spaces.space import SearchSpace, load_space, parse_space
from train.errors import UsageError

SPACE = parse_space(
    """\
parameters:
  technique.name: {choice: [full, frozen]}
  optimiser.learning_rate:
    - {float: [1.0e-3, 1.0e-2], log: true, when: {technique.name: frozen}}
    - {float: [1.0e-5, 1.0e-4], log: true}
  augmentation.probability: {float: [0.0, 1.0]}
  augmentation.strength: {float: [0.0, 1.0]}
  schedule.warmup: {float: [0.0, 0.2], when: {technique.name: full}}
""",
    "some",
    "some.yaml",
)
NUMBERS = {"augmentation.probability", "augmentation.strength"}
INSTALLED = [name for name in SAMPLERS if name != "gp" or find_spec("scipy")]


def searched(name: Any, trials: int = 30, seed: int = 0) -> optuna.Study:
    """Return a study of an objective that is best at probability 0.7 and strength 0.3, whatever else is chosen."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=SAMPLERS[name](SPACE, seed, 0))
    for _ in range(trials):
        trial = study.ask()
        chosen = SPACE.suggest(trial).augmentation
        study.tell(trial, -((chosen.probability - 0.7) ** 2) - (chosen.strength - 0.3) ** 2)
    return study


@pytest.mark.parametrize("name", INSTALLED)
def test_a_sampler_draws_from_a_conditional_space_again_and_again_the_same(name: str) -> None:
    first, second = (searched(name, 12) for _ in range(2))
    assert [trial.params for trial in first.trials] == [trial.params for trial in second.trials]
    assert len({str(trial.params) for trial in first.trials}) == 12
    assert {trial.params["technique.name"] for trial in first.trials} == {"full", "frozen"}


@pytest.mark.parametrize("name", [name for name in INSTALLED if name != "random"])
def test_a_sampler_that_learns_comes_closer_than_random_draws(name: str) -> None:
    def mean_of_last(study: optuna.Study) -> float:
        return sum(trial.value or 0 for trial in study.trials[-10:]) / 10

    seeds = range(3)
    learnt = sum(mean_of_last(searched(name, seed=seed)) for seed in seeds)
    assert learnt > sum(mean_of_last(searched("random", seed=seed)) for seed in seeds)


def test_cma_es_moves_together_the_numbers_that_every_trial_has() -> None:
    study = searched("cma-es", 12)
    sampler: Any = study.sampler
    moved = sampler.infer_relative_search_space(study, study.trials[-1])
    assert set(moved) == NUMBERS == set(list_always_open(SPACE, numbers=True))
    assert any(key.startswith("cma:") for key in study.trials[-1].system_attrs)
    told = explain(sampler, SPACE)
    assert "moves together: augmentation.probability, augmentation.strength; TPE suggests" in told
    assert "technique.name, optimiser.learning_rate [technique.name=frozen]" in told
    assert not explain(SAMPLERS["tpe"](SPACE, 0, 0), SPACE)


def test_what_cannot_work_is_refused() -> None:
    few = SPACE.with_fixed({"augmentation.strength": 0.5})
    with pytest.raises(UsageError, match="needs two numbers that every trial has"):
        SAMPLERS["cma-es"](few, 0, 0)
    none = few.with_fixed({"augmentation.probability": 0.5, "technique.name": "full"})
    rule = "needs a parameter that every trial has" if find_spec("scipy") else "needs scipy"
    with pytest.raises(UsageError, match=rule):
        SAMPLERS["gp"](only_conditional(none), 0, 0)


def only_conditional(space: SearchSpace) -> SearchSpace:
    kept = tuple(p for p in space.parameters if p.when)
    return space.model_copy(update={"parameters": kept})


@pytest.mark.parametrize("name", ["recognition", "detection", "small-data"])
def test_the_shipped_spaces_can_be_searched_with_cma_es(name: str) -> None:
    assert SAMPLERS["cma-es"](load_space(name), 0, 3)
