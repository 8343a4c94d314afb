"""Accurate and fast: Optuna over two objectives, and which trial of the Pareto front is chosen.

The rule: the fastest trial whose validation score is not surely worse than the best one's, which is to say that the
95 % interval of their paired difference reaches 0. Latency depends on the architecture alone, so of each the best trial
counts.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna

from search.latency import Latencies, architecture, architectures
from search.population import sampler_of
from search.provenance import FrontTrial
from search.results import TrialRecord, rank
from search.searcher import METRIC, OptunaSearcher
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import config_from_mapping
from train.errors import UsageError
from train.intervals import paired_gain_interval
from train.tasks import Rows

LATENCY = "latency_ms"
MULTI_OBJECTIVE = ("tpe", "random", "gp")


def check_objectives(settings: StudySettings, space: SearchSpace) -> None:
    """Raise UsageError for a sampler or scheduler that cannot have two objectives, or for too large a space."""
    if settings.objectives == "accuracy":
        return
    architectures(space)
    sampler, scheduler = sampler_of(settings), settings.scheduler
    if sampler not in MULTI_OBJECTIVE:
        raise UsageError(
            "--objectives accuracy,latency needs a sampler of several objectives",
            f"--sampler {sampler}",
            f"use {', '.join(MULTI_OBJECTIVE)}",
        )
    if scheduler == "pbt":
        raise UsageError(
            "a population drives out whatever is less accurate, however fast",
            f"--scheduler {scheduler}",
            "use another --scheduler, or leave out --objectives",
        )


class ParetoSearcher(OptunaSearcher):
    """Tells Optuna two values for each trial: its best score, and its architecture's latency in ms."""

    latencies: Latencies = {}  # noqa: RUF012 - replaced, never changed

    def new_study(self, sampler: optuna.samplers.BaseSampler) -> optuna.Study:
        """Return a study of both."""
        directions = ["maximize", "minimize"]
        study = optuna.create_study(directions=directions, sampler=sampler, study_name="ocrtune")
        study.set_metric_names(["score", LATENCY])
        return study

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next configuration, as the searcher of one objective does."""
        settings = super().suggest(trial_id)
        if isinstance(settings, dict):
            latency = self.latencies[architecture(config_from_mapping(settings, "trial"))]
            self._open[trial_id].set_user_attr(LATENCY, latency.ms)
        return settings

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """Optuna keeps no curves where there are several objectives."""

    def values(self, trial: optuna.Trial, result: Mapping[str, Any]) -> list[float]:
        """Return score and latency."""
        return [float(result[METRIC]), float(trial.user_attrs[LATENCY])]


def candidates(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return the best trial of each architecture that is on the Pareto front, the fastest first."""
    best: dict[tuple[str, ...], TrialRecord] = {}
    for trial in rank(trials):
        if trial.eligible and trial.latency is not None:
            best.setdefault(architecture(trial.config), trial)
    points = [(trial.best.rank, -_ms(trial)) for trial in best.values() if trial.best]
    front = [
        trial for trial, point in zip(best.values(), points, strict=True) if not _dominated(point, points)
    ]
    return sorted(front, key=_ms)


def _dominated(point: tuple[Any, float], others: Sequence[tuple[Any, float]]) -> bool:
    return any(o != point and o[0] >= point[0] and o[1] >= point[1] for o in others)


def _ms(trial: TrialRecord) -> float:
    return trial.latency.ms if trial.latency else float("inf")


def choose(
    front: Sequence[TrialRecord],
    rows_of: Callable[[TrialRecord], Rows],
    primary: Callable[[Rows], float],
    seed: int,
) -> tuple[FrontTrial, ...]:
    """Return the front with each trial's difference to the most accurate one, and which is chosen.

    Args:
        front: the fastest first, so that the last is the most accurate.
        rows_of: how a trial does on every validation sample (`Task.per_sample`).
        primary: (k,) sums of them -> the score.
        seed: of the resampling.
    """
    if not front:
        return ()
    best = rows_of(front[-1])
    found: list[FrontTrial] = []
    for trial in front:
        rows = best if trial is front[-1] else rows_of(trial)
        gain = paired_gain_interval(best, rows, primary, seed)
        chosen = gain.interval.high >= 0 and not any(one.chosen for one in found)
        assert trial.latency is not None, "candidates have one"
        found.append(FrontTrial(trial=trial.id, latency=trial.latency, against_best=gain, chosen=chosen))
    return tuple(found)


def with_latency(trial: TrialRecord, latencies: Latencies) -> TrialRecord:
    """Return the trial with its architecture's latency, where that was measured."""
    found = latencies.get(architecture(trial.config)) if latencies else None
    return trial.model_copy(update={"latency": found}) if found else trial
