"""A new study that starts where another one got to: its best configurations are tried first.

They are trained again. A score of other data, or with another charset, says nothing here, so none is taken over as if
it were of this study.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from search.folds import FOLD
from search.journal import read_journal
from search.plan import Plan
from search.settings import StudySettings
from search.storage import fetch_study
from spaces.space import SearchSpace
from train.config import TrialConfig, config_from_mapping
from train.errors import UsageError

MOST_FORKED = 5


def best_configs(folder: Path) -> list[TrialConfig]:
    """Return the configurations of a study's MOST_FORKED best trials, the best first; raise UsageError if there are none."""
    scored = []
    for trial in read_journal(folder):
        reports = [report for report in trial.reports if not report.get("diverged")]
        if reports and trial.config:
            # Over folds, the last report is the mean of all: more of them come first (`search.results.rank`).
            folds = int(reports[-1].get(FOLD, 0))
            best = max(report["score"] for report in (reports[-1:] if folds else reports))
            scored.append((folds, best, trial.id, trial.config))
    if not scored:
        raise UsageError("--fork needs a study whose trials have scores", folder, "name another one")
    ranked = sorted(scored, key=lambda entry: entry[:3], reverse=True)
    return [config_from_mapping(params, f"trial {trial}") for *_, trial, params in ranked[:MOST_FORKED]]


def origin_of(settings: StudySettings) -> list[TrialConfig]:
    """Return the best configurations of the study that this one is forked from; none without."""
    if settings.fork is None:
        return []
    old = settings.model_copy(update={"name": settings.fork})
    fetch_study(old)
    return best_configs(old.local_folder)


def forked(plan: Plan, origin: list[TrialConfig]) -> Plan:
    """Return the plan with the best configurations of another study in front of its points, and say how many."""
    if not origin:
        return plan
    points = fork_points(origin, plan.space)
    print(
        f"fork: {len(points)} of its {len(origin)} best configurations lie in this space: tried first",
        flush=True,
    )
    return replace(plan, points=[*points, *(point for point in plan.points if point not in points)])


def fork_points(configs: list[TrialConfig], space: SearchSpace) -> list[dict[str, Any]]:
    """Return those of the configurations that lie in a space, as points that its sampler is to try first.

    What the space fixes is as it says; what else lies outside of it leaves a configuration out.
    """
    points: list[dict[str, Any]] = []
    for config in configs:
        point, faults = space.complete(space.flat(config))
        if not faults and point not in points:
            points.append(point)
    return points
