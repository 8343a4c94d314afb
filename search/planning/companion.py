"""The network of all samples that one place trains first, within a time budget (`search/selection/refit.py`)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import optuna

from search.planning.budget import LEAST_EPOCHS, SAFETY
from search.planning.time_budget import TimeBudget, estimate_epoch
from search.preflight.probing.probe import Probe
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.tasks import TASKS

LEAST_S = 40.0
"""Of a trial: shorter ones are of no use."""


def plan_companion(
    settings: StudySettings,
    space: SearchSpace,
    first: Mapping[str, Any],
    budget: TimeBudget,
    probes: Sequence[Probe],
    now: float,
) -> TrialConfig | None:
    """Return the configuration to train on all samples beside the trials; None where that is of no use.

    It is at most as long as the longest trial. When it has been trained, its place is the trials', too: the more time
    there is, the smaller the part of it that this takes.

    Args:
        settings: the study's.
        space: what is searched.
        first: the settings that are tried first, which are trained here.
        budget: the study's, divided.
        probes: of the models that are searched.
        now: Unix time.
    """
    if budget.deadline is None or not may_learn_all(settings):
        return None
    longest = budget.max_epochs * estimate_epoch(budget, probes) * SAFETY
    if min(budget.usual_s or longest, longest) < LEAST_S:
        return None
    config = space.suggest(optuna.trial.FixedTrial(dict(first)))
    samples = budget.train_lines + budget.val_lines
    whole = replace(
        budget, usual_s=None, train_lines=samples, val_lines=0
    )  # it may have its place until the end
    epochs = whole.epochs_for(config, now)
    return config.model_copy(update={"epochs": epochs}) if epochs >= LEAST_EPOCHS else None


def may_learn_all(settings: StudySettings) -> bool:
    """Tell whether a study's bundle may learn the validation samples beside trials that do not."""
    if not settings.refit or settings.max_forgetting is not None or settings.objectives != "accuracy":
        return False
    if settings.trials is not None or settings.population is not None or settings.workers:
        return False
    return (settings.folds or 1) == 1 and not TASKS.get(settings.task_name).tunes
