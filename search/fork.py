"""A new study that starts where another one got to: its best configurations are tried first.

They are trained again. A score of other data, or with another charset, says nothing here, so none is taken over as if
it were of this study.
"""

from pathlib import Path
from typing import Any

from search.journal import read_journal
from spaces.space import SearchSpace
from train.config import TrialConfig, config_from_mapping
from train.errors import UsageError

MOST = 5


def best_configs(folder: Path) -> list[TrialConfig]:
    """Return the configurations of a study's MOST best trials, the best first; raise UsageError if there are none."""
    scored = []
    for trial in read_journal(folder):
        scores = [report["score"] for report in trial.reports if not report.get("diverged")]
        if scores and trial.config:
            scored.append((max(scores), trial.id, trial.config))
    if not scored:
        raise UsageError("--fork needs a study whose trials have scores", folder, "name another one")
    ranked = sorted(scored, key=lambda entry: entry[:2], reverse=True)
    return [config_from_mapping(params, f"trial {trial}") for _, trial, params in ranked[:MOST]]


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
