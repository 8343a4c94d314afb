"""Whether a configuration's task, model and engine go together: found out before any work."""

from operator import attrgetter
from pathlib import Path

from train.config import TrialConfig
from train.engines import ENGINES
from train.errors import UsageError
from train.models import MODELS
from train.models.weights.starting import read_saved
from train.tasks import TASKS


def check_fits(config: TrialConfig) -> None:
    """Raise UsageError, naming what would do, if the model is for another task or the engine cannot train it."""
    check_model(config.model, config.task)
    check_settings(config)
    objective = TASKS.get(config.task).objective
    if objective not in ENGINES.get(config.engine).objectives():
        able = [name for name in ENGINES.names() if objective in ENGINES.get(name).objectives()]
        raise UsageError(
            f"the engine must train the task {config.task}", config.engine, f"choose from: {', '.join(able)}"
        )


def check_settings(config: TrialConfig) -> None:
    """Raise UsageError for a setting that the task has no use for, and that is set all the same."""
    usual = TrialConfig()
    for key in TASKS.get(config.task).unused:
        value, default = (attrgetter(key)(settings) for settings in (config, usual))
        if value != default:
            raise UsageError(
                f"{key} does nothing for the task {config.task}", value, f"leave it at {default}"
            )


def check_model(model: str, task: str) -> None:
    """Raise UsageError if a model is not for a task."""
    TASKS.get(task)
    model_task = MODELS.get(model).task
    if model_task != task:
        choices = ", ".join(models_for(task)) or "none yet"
        raise UsageError(
            f"the model must be for the task {task}",
            f"{model}, for {model_task}",
            f"choose from: {choices}; or set task: {model_task}",
        )


def default_config(task: str | None, weights: Path | None) -> TrialConfig:
    """Return what is trained where no configuration is named.

    The model is the one that `weights`, if they are a bundle or checkpoint, are of; else the default, or another task's
    first. Raises UsageError for a task without any, CheckpointError or ModelError for a damaged folder.
    """
    usual = TrialConfig(task=task or TrialConfig().task)
    if saved := read_saved(weights):
        return usual.model_copy(update={"model": saved.model})
    models = models_for(usual.task)
    if not models:
        raise UsageError("--task must have a model", usual.task, "name one with --config")
    return usual if usual.model in models else usual.model_copy(update={"model": models[0]})


def models_for(task: str) -> list[str]:
    """Return the registered models of a task, sorted."""
    return [name for name in MODELS.names() if MODELS.get(name).task == task]
