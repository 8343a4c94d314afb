"""The engine of a study: what is asked for, whether it can train the models, or the fastest one."""

from search.preflight.narrowing import ANY, list_models
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.engines.choice import AUTO, check_holds, is_installed, resolve
from train.errors import UsageError

LEAST_TO_CHOOSE_S, SHARE_TO_CHOOSE = 45.0, 0.1
"""How long engines may be measured: seconds at least, and of the time budget."""


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
