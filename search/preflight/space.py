"""Settings and space of a study before any data are read: each name exists, each has what it leaves to the other."""

from pathlib import Path
from typing import Any

import optuna

from search.preflight.engine import check_engine, choose_engine
from search.preflight.lines import find_cut, find_upright
from search.preflight.narrowing import DICTIONARY, find_task, list_models, narrow_as_asked
from search.settings import StudySettings
from spaces.parameter import Choice
from spaces.space import SearchSpace, load_space
from train.config import TrialConfig
from train.data.augment import AUGMENTATIONS
from train.data.decoded.stored import Stored
from train.engines import ENGINES
from train.errors import UsageError
from train.models import MODELS
from train.steps.fits import check_model
from train.steps.teacher import find_teacher
from train.system.registry import Registry
from train.tasks import TASKS
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
    """Raise UsageError, listing what there is, for a name in `space` that no registry has."""
    usual = TrialConfig()
    for key, registry in REGISTRIES.items():
        for name in find_named(space, key):
            registry.get(name)
    for model in find_named(space, "model"):
        check_model(model, str(space.fixed.get("task", usual.task)))
    for operations in find_named(space, "augmentation.operations"):
        for name in operations:
            AUGMENTATIONS.get(name)
    for teacher in find_named(space, TEACHER):
        find_teacher(teacher)
    for name in find_named(space, TECHNIQUE):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
        build_technique(space.with_fixed({TECHNIQUE: name}).suggest(trial).technique)


def find_named(space: SearchSpace, key: str) -> list[Any]:
    """Return the values that `space` names for `key`, fixed or under any condition."""
    fixed = [space.fixed[key]] if key in space.fixed else []
    domains = [parameter.domain for parameter in space.parameters if parameter.key == key]
    return fixed + [value for domain in domains if isinstance(domain, Choice) for value in domain.values]


def settle(settings: StudySettings) -> tuple[StudySettings, SearchSpace]:
    """Return the settings with the task that they leave to the space, and the space as they narrow it.

    Raises UsageError if they ask for what the space, or an engine, does not have.
    """
    whole = load_space(settings.space)
    chosen = {
        "task": find_task(settings, whole),
        "upright": find_upright(settings, whole),
        "cut": find_cut(settings, whole),
        DICTIONARY: settings.dictionary or whole.fixed.get(DICTIONARY),
        "reading": find_format(settings, whole),
    }
    settings = settings.model_copy(update=chosen)
    space = narrow_as_asked(whole, settings)
    check_engine(settings, space)
    return settings, space


def find_format(settings: StudySettings, space: SearchSpace) -> str | None:
    """Return the file that declares the format of the texts: as asked, or else the space or what that names."""
    if settings.reading is not None or space.format is None:
        return settings.reading
    space_file = Path(settings.space).absolute()
    return str(space_file.parent / space.format if isinstance(space.format, str) else space_file)


def settle_engine(settings: StudySettings, space: SearchSpace) -> tuple[StudySettings, SearchSpace]:
    """Return settings and space with the engine of all trials; to find the fastest takes a while."""
    settings = choose_engine(settings, space)
    return settings, narrow_as_asked(load_space(settings.space), settings)


def find_stored(settings: StudySettings, space: SearchSpace) -> Stored:
    """Return what image files become for the models of a study; raise UsageError if it is not the same for all."""
    task = TASKS.get(settings.task_name)
    common = TrialConfig(task=settings.task_name, upright=settings.upright)
    kinds = {
        model: task.stored_as(common.model_copy(update={"model": model})) for model in list_models(space)
    }
    first, *others = kinds.values()
    if any(other.version != first.version for other in others):
        raise UsageError(
            "the models of one search must take images of one size: they are decoded once for all trials",
            ", ".join(kinds),
            "search them one after the other, each with --model NAME",
        )
    return first
