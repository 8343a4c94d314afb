"""The techniques side by side: what each engine's trials of each read, and what they cost."""

import math
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from search.records.trial import TrialRecord, rank
from train.config import Frozen
from train.scoring.intervals import Interval
from train.scoring.scores import Scores


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
        median: first score of the middle one of the scored ones; of two in the middle, the lower.
        seconds: that all its trials took.
        median_seconds: of a trial, the failed ones included.
        best_interval: of that score, at 95 %; None where it is not known, as the next two.
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
    best_interval: Interval | None = None
    general_interval: Interval | None = None
    median_interval: Interval | None = None


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
    best = first.best if first else None
    middle = _middle([trial.best.scores for trial in ranked if trial.best])
    general = best.general if best else None
    return TechniqueRecord(
        technique=technique,
        engine=engine,
        trials=len(trials),
        scored=len(ranked),
        eligible=sum(trial.eligible for trial in ranked),
        best=best.scores.primary if best else None,
        best_interval=best.scores.interval if best else None,
        best_trial=first.id if first else None,
        model=first.config.model if first else None,
        general=general.primary if general else None,
        general_interval=general.interval if general else None,
        median=middle.primary if middle else None,
        median_interval=middle.interval if middle else None,
        seconds=sum(trial.seconds for trial in trials),
        median_seconds=median(trial.seconds for trial in trials),
    )


def _middle(scores: list[Scores]) -> Scores | None:
    """Return the scores of the middle trial, which has an interval, as a mean of two has not."""
    return sorted(scores, key=lambda one: one.primary)[(len(scores) - 1) // 2] if scores else None
