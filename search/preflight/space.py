"""Every name in a space exists and every technique takes its options: found out before any work, not in a trial."""

from typing import Any

import optuna

from search.settings import StudySettings
from spaces.parameter import Choice
from spaces.space import SearchSpace, load_space
from train.config import TrialConfig
from train.data.augment import AUGMENTATIONS
from train.data.mixture import Extra, wanted
from train.engines import ENGINES
from train.engines.choice import AUTO, check_holds, installed, resolve
from train.errors import UsageError
from train.fits import check_model, models_for
from train.models import MODELS
from train.registry import Registry
from train.steps.teacher import find_teacher
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


ANY = "any"


def study_task(settings: StudySettings, space: SearchSpace) -> str:
    """Return what a study trains: what the command line says, or the space.

    Raises UsageError if they disagree, or the space varies it: scores of different tasks cannot be compared.
    """
    if any(parameter.key == "task" for parameter in space.parameters):
        raise UsageError("a space must be for one task", space.name, "fix it: `fixed: {task: ...}`")
    fixed = str(space.fixed.get("task", settings.task_name))
    if settings.task not in (None, fixed):
        raise UsageError(
            "--task must be the space's",
            f"{settings.task}, and the space {space.name} is for {fixed}",
            "leave out one of them: each task has a space of its own name",
        )
    return fixed


def narrowed(space: SearchSpace, settings: StudySettings) -> SearchSpace:
    """Return the space as the command line narrows it.

    Raises UsageError where the space says that every trial mixes lines in, and there are none.
    """
    space = space.with_fixed({"seed": settings.seed, "task": study_task(settings, space)})
    for share, labels in (("replay", settings.general_labels), ("synthetic", settings.synthetic_labels)):
        space = space if labels is not None else _without(space, share)
    if settings.engine and settings.engine != ANY:
        space = space.with_fixed({"engine": settings.engine})
    models = settings.models or space.choices("model") or usual_models(str(space.fixed["task"]))
    return space.with_choices("model", models) if models != space.choices("model") else space


def usual_models(task: str) -> tuple[str, ...]:
    """Return what a space that names no model searches: the default, or all that there are for another task.

    Raises UsageError if there are none.
    """
    models = models_for(task)
    if not models:
        raise UsageError(
            "a task must have a model", task, "write one (CONTRIBUTING.md), or choose another task"
        )
    usual = TrialConfig().model
    return (usual,) if usual in models else tuple(models)


def _without(space: SearchSpace, share: str) -> SearchSpace:
    """Return the space for a study that has none of the lines of which `share` is one."""
    wanted([Extra(share, float(str(space.fixed.get(share, 0))), None)])
    return space.forced(share, 0.0) if any(p.key == share for p in space.parameters) else space


def with_engine(settings: StudySettings, space: SearchSpace) -> StudySettings:
    """Return the settings with the one engine of all trials; under `any` every trial draws its own from the space's."""
    if settings.engine == ANY:
        check_any([str(engine) for engine in space.choices("engine")] or [TrialConfig().engine], space)
        return settings
    asked, models = asked_engine(settings, space), candidates(space)
    check_holds(asked, models)
    threads = max(1, int(settings.cpus or 1))  # Ray gives a trial's process as many as it has cores
    weights = str(space.fixed["weights"]) if space.fixed.get("weights") else None
    return settings.model_copy(update={"engine": resolve(asked, models, threads, weights)})


def asked_engine(settings: StudySettings, space: SearchSpace) -> str:
    """Return the engine that the command line asks for, else the only one that the space names, else `auto`."""
    named_engines = space.choices("engine")
    return settings.engine or (str(named_engines[0]) if len(named_engines) == 1 else AUTO)


def check_any(engines: list[str], space: SearchSpace) -> None:
    """Raise UsageError if a trial could draw an engine that is not installed or lacks a model."""
    for engine in engines:
        check_holds(engine, candidates(space))
    missing = [engine for engine in engines if not installed(engine)]
    if missing or len(engines) == 1:
        raise UsageError(
            "--engine any needs a space that names several engines, all installed",
            f"not installed: {', '.join(missing)}" if missing else f"only {engines[0]} in {space.name}",
            "install it, or name one engine",
        )


def candidates(space: SearchSpace) -> list[str]:
    """Return the models that a space may choose."""
    return [str(model) for model in space.choices("model") or (TrialConfig().model,)]


def settled(settings: StudySettings) -> tuple[StudySettings, SearchSpace]:
    """Return the settings with the task and engine that they leave to the space, and the space as they narrow it."""
    loaded = load_space(settings.space)
    settings = settings.model_copy(update={"task": study_task(settings, loaded)})
    settings = with_engine(settings, narrowed(loaded, settings))
    return settings, narrowed(loaded, settings)
