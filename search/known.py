"""Every name in a space exists and every technique takes its options: found out before any work, not in a trial."""

from typing import Any

import optuna

from spaces.parameter import Choice
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.data.augment import AUGMENTATIONS
from train.engines import ENGINES
from train.fits import check_model
from train.models import MODELS
from train.registry import Registry
from train.tasks import TASKS
from train.teacher import find_teacher
from train.techniques import TECHNIQUES, build_technique

TECHNIQUE = "technique.name"
TEACHER = "technique.options.teacher"
REGISTRIES: dict[str, Registry[Any]] = {
    "task": TASKS,
    "engine": ENGINES,
    "model": MODELS,
    TECHNIQUE: TECHNIQUES,
}


def check_names(space: SearchSpace) -> None:
    """Raise UsageError, listing what there is, for anything that `space` names and no registry has."""
    usual = TrialConfig()
    for key, registry in REGISTRIES.items():
        for name in named(space, key):
            registry.get(name)
    for model in named(space, "model"):
        check_model(model, str(space.fixed.get("task", usual.task)))
    for operations in named(space, "augmentation.operations"):
        for name in operations:
            AUGMENTATIONS.get(name)
    for teacher in named(space, TEACHER):
        find_teacher(teacher)
    for name in named(space, TECHNIQUE):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
        build_technique(space.with_fixed({TECHNIQUE: name}).suggest(trial).technique)


def named(space: SearchSpace, key: str) -> list[Any]:
    """Return the values that `space` names for `key`, fixed or under any condition."""
    fixed = [space.fixed[key]] if key in space.fixed else []
    domains = [parameter.domain for parameter in space.parameters if parameter.key == key]
    return fixed + [value for domain in domains if isinstance(domain, Choice) for value in domain.values]
