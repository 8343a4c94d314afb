"""The techniques side by side: what each engine's trials of each read, and what they cost."""

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from search.results import TrialRecord, rank
from train.config import Frozen


class TechniqueRecord(Frozen):
    """All trials of one technique with one engine.

    Attributes:
        trials: how many were begun.
        scored: how many have a score.
        eligible: how many of those did not forget too much.
        best: first score of the best one on the validation split; None without a score, as the next four.
        best_trial: its id.
        model: the best one's.
        general: first score of the best one on the general samples; None without any.
        median: first score of the scored ones.
        seconds: that all its trials took.
        median_seconds: of a trial, the failed ones included.
    """

    technique: str
    engine: str
    trials: int
    scored: int
    eligible: int
    best: float | None
    best_trial: str | None
    model: str | None
    general: float | None
    median: float | None
    seconds: float
    median_seconds: float


def compare_techniques(trials: Iterable[TrialRecord]) -> tuple[TechniqueRecord, ...]:
    """Return one record for each pair of technique and engine that was tried, the best first."""
    groups: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
    for trial in trials:
        groups[trial.config.technique.name, trial.config.engine].append(trial)
    ordered = sorted(groups.items(), key=lambda item: _standing(item[1]), reverse=True)
    return tuple(_record(*pair, group) for pair, group in ordered)


def _standing(trials: list[TrialRecord]) -> tuple[float, ...]:
    return max((trial.best.rank for trial in trials if trial.best), default=(-math.inf,))


def _record(technique: str, engine: str, trials: list[TrialRecord]) -> TechniqueRecord:
    ranked = rank(trials)
    first = ranked[0] if ranked else None
    scores = [trial.score for trial in ranked if trial.score is not None]
    return TechniqueRecord(
        technique=technique,
        engine=engine,
        trials=len(trials),
        scored=len(ranked),
        eligible=sum(trial.eligible for trial in ranked),
        best=first.score if first else None,
        best_trial=first.id if first else None,
        model=first.config.model if first else None,
        general=first.best.general.primary if first and first.best and first.best.general else None,
        median=median(scores) if scores else None,
        seconds=sum(trial.seconds for trial in trials),
        median_seconds=median(trial.seconds for trial in trials),
    )
