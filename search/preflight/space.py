"""The space before any data are read: every name in it exists, and the command line narrows it.

A step takes a space and returns it narrower, with the reason. The steps of the command line stand in `narrow_as_asked`,
those that the readings and the time budget call for in `search/planning/plan.py`, `narrow_as_measured`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import optuna

from search.preflight.lines import find_cut, find_upright
from search.settings import StudySettings
from spaces.parameter import Choice
from spaces.space import SearchSpace, load_space
from train.config import TrialConfig
from train.data.augment import AUGMENTATIONS
from train.data.batching.mixture import Extra, require_extras
from train.data.decoded.stored import Stored
from train.engines import ENGINES
from train.engines.choice import AUTO, check_holds, is_installed, resolve
from train.errors import UsageError
from train.models import MODELS
from train.sets.dictionary import NONE
from train.steps.fits import check_model, models_for
from train.steps.teacher import find_teacher
from train.system.registry import Registry
from train.tasks import TASKS
from train.techniques import TECHNIQUES, build_technique

DICTIONARY = "dictionary"
TECHNIQUE = "technique.name"
TEACHER = "technique.options.teacher"
LEAST_TO_CHOOSE_S, SHARE_TO_CHOOSE = 45.0, 0.1
"""How long engines may be measured: seconds at least, and of the time budget."""
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


ANY = "any"
Narrowed = tuple[SearchSpace, str]
"""A space and why it is narrower than before; no reason where nothing was left out, or as the user asked."""
Step = Callable[[SearchSpace], Narrowed]


def narrow(space: SearchSpace, steps: Sequence[Step]) -> SearchSpace:
    """Take the steps one after the other, and print each one's reason."""
    for step in steps:
        space, reason = step(space)
        if reason:
            print(reason, flush=True)
    return space


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


def narrow_as_asked(space: SearchSpace, settings: StudySettings) -> SearchSpace:
    """Return the space as the command line narrows it; what a user asks for needs no reason.

    Raises UsageError where the space says that every trial mixes lines in, and there are none.
    """
    steps = (fix_task_and_seed, fix_dictionary, drop_absent_lines, fix_engine, choose_models, fix_weights)
    return narrow(space, [partial(step, settings=settings) for step in steps])


def fix_task_and_seed(space: SearchSpace, settings: StudySettings) -> Narrowed:
    """Fix what all trials of a study have in common."""
    common: dict[str, Any] = {"seed": settings.seed, "task": find_task(settings, space)}
    if settings.upright != TrialConfig().upright:
        common["upright"] = settings.upright
    if settings.cut is not None:
        common |= {f"cut.{name}": value for name, value in settings.cut.changes().items()}
    return space.with_fixed(common), ""


def fix_dictionary(space: SearchSpace, settings: StudySettings) -> Narrowed:
    """Fix the dictionary that the command line names, or that was found with the data.

    Raises UsageError for a space that varies it: the data decide which characters are written.
    """
    if any(parameter.key == DICTIONARY for parameter in space.parameters):
        raise UsageError(
            "a space must have one dictionary", space.name, "fix it: `fixed: {dictionary: FILE}`"
        )
    if settings.dictionary is None:
        return space, ""
    named = None if settings.dictionary == NONE else settings.dictionary
    return space.with_fixed({DICTIONARY: named}), ""


def drop_absent_lines(space: SearchSpace, settings: StudySettings) -> Narrowed:
    """Leave out the shares of general and drawn lines that the study does not have.

    Raises UsageError for drawn lines that no trial would use; general ones tell at least what is forgotten.
    """
    for share, labels in (("replay", settings.general_labels), ("synthetic", settings.synthetic_labels)):
        searched = any(parameter.key == share for parameter in space.parameters)
        if labels is None:
            require_extras([Extra(share, float(str(space.fixed.get(share, 0))), None)])
            space = space.forced(share, 0.0) if searched else space
        elif share == "synthetic" and not (searched or space.fixed.get(share)):
            raise UsageError(
                "--synthetic-labels goes with a space that mixes drawn lines in",
                space.name,
                "use --space recognition, or add `synthetic: {float: [0.0, 0.4], usual: 0.3}` to its parameters",
            )
    return space, ""


def fix_engine(space: SearchSpace, settings: StudySettings) -> Narrowed:
    """Fix the engine of all trials, where one was named or chosen."""
    named = settings.engine not in (None, AUTO, ANY)
    return space.with_fixed({"engine": settings.engine}) if named else space, ""


def choose_models(space: SearchSpace, settings: StudySettings) -> Narrowed:
    """Keep the models that are asked for; a space that names none has the task's default ones."""
    named = space.choices("model")
    models = settings.models or named or list_default_models(str(space.fixed["task"]))
    return space.with_choices("model", models) if models != named else space, ""


def fix_weights(space: SearchSpace, settings: StudySettings) -> Narrowed:
    """Fix what the only model starts from; raise UsageError for several models, or nothing there."""
    if settings.weights is None:
        return space, ""
    models, path = list_models(space), Path(settings.weights).expanduser().absolute()
    if len(models) > 1:
        raise UsageError("--weights must be of one model", ", ".join(models), "add --model NAME")
    if not path.exists() and not path.with_name(f"{path.name}.pdparams").exists():
        raise UsageError("--weights must be a file or folder", settings.weights, "check the path")
    return space.with_fixed({"weights": str(path)}), ""


def find_task(settings: StudySettings, space: SearchSpace) -> str:
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


def list_default_models(task: str) -> tuple[str, ...]:
    """Return what a space that names no model searches: the default, or another task's.

    Those are its first one, and all that take images of the same size. Raises UsageError if there are none.
    """
    models = models_for(task)
    if not models:
        raise UsageError(
            "a task must have a model", task, "write one (CONTRIBUTING.md), or choose another task"
        )
    usual = TrialConfig().model
    if usual in models:
        return (usual,)
    versions = {model: _stored(TrialConfig(task=task, model=model)).version for model in models}
    return tuple(model for model in models if versions[model] == versions[models[0]])


def _stored(config: TrialConfig) -> Stored:
    return TASKS.get(config.task).stored_as(config)


def find_stored(settings: StudySettings, space: SearchSpace) -> Stored:
    """Return what image files become for the models of a study; raise UsageError if it is not the same for all."""
    common = TrialConfig(task=settings.task_name, upright=settings.upright)
    kinds = {model: _stored(common.model_copy(update={"model": model})) for model in list_models(space)}
    first, *others = kinds.values()
    if any(other.version != first.version for other in others):
        raise UsageError(
            "the models of one search must take images of one size: they are decoded once for all trials",
            ", ".join(kinds),
            "search them one after the other, each with --model NAME",
        )
    return first


def choose_engine(settings: StudySettings, space: SearchSpace) -> StudySettings:
    """Return the settings with the one engine of all trials; under `any` every trial draws its own from the space's."""
    if settings.engine == ANY:
        return settings
    engine, models = find_engine(settings, space), list_models(space)
    threads = max(1, int(settings.cpus or 1))  # Ray gives a trial's process as many as it has cores
    weights = str(space.fixed["weights"]) if space.fixed.get("weights") else None
    budget = settings.time_budget_s
    limit_s = None if budget is None else max(LEAST_TO_CHOOSE_S, SHARE_TO_CHOOSE * budget)
    return settings.model_copy(update={"engine": resolve(engine, models, threads, weights, limit_s)})


def check_engine(settings: StudySettings, space: SearchSpace) -> None:
    """Raise UsageError if the engine that is asked for, or one that a trial could draw, cannot train the models."""
    if settings.engine == ANY:
        engines = [str(engine) for engine in space.choices("engine")] or [TrialConfig().engine]
        check_any_engine(engines, space)
    else:
        check_holds(find_engine(settings, space), list_models(space))


def find_engine(settings: StudySettings, space: SearchSpace) -> str:
    """Return the engine that the command line asks for, else the only one that the space names, else `auto`."""
    engines = space.choices("engine")
    return settings.engine or (str(engines[0]) if len(engines) == 1 else AUTO)


def check_any_engine(engines: list[str], space: SearchSpace) -> None:
    """Raise UsageError if a trial could draw an engine that is not installed or lacks a model."""
    for engine in engines:
        check_holds(engine, list_models(space))
    missing = [engine for engine in engines if not is_installed(engine)]
    if missing or len(engines) == 1:
        raise UsageError(
            "--engine any needs a space that names several engines, all installed",
            f"not installed: {', '.join(missing)}" if missing else f"only {engines[0]} in {space.name}",
            "install it, or name one engine",
        )


def list_models(space: SearchSpace) -> list[str]:
    """Return the models that a space may choose."""
    return [str(model) for model in space.choices("model") or (TrialConfig().model,)]
