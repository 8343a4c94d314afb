"""The space as the command line narrows it, before any data are read.

A step takes a space and returns it narrower, with the reason. The steps of the command line stand in `narrow_as_asked`,
those that the readings and the time budget call for in `search/planning/plan.py`, `narrow_as_measured`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.data.batching.mixture import Extra, require_extras
from train.engines.choice import AUTO
from train.errors import UsageError
from train.models.weights.starting import require_weights
from train.sets.dictionary import NONE
from train.steps.fits import models_for
from train.tasks import TASKS

DICTIONARY = "dictionary"
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


def list_models(space: SearchSpace) -> list[str]:
    """Return the models that a space may choose."""
    return [str(model) for model in space.choices("model") or (TrialConfig().model,)]


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
    require_weights(path, "--weights")
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
    versions = {
        model: TASKS.get(task).stored_as(TrialConfig(task=task, model=model)).version for model in models
    }
    return tuple(model for model in models if versions[model] == versions[models[0]])
