"""A new study that starts where another one got to: its best configurations are tried first.

They are trained again. A score of other data, or with another charset, says nothing here, so none is taken over as if
it were of this study.
"""

import json
from pathlib import Path
from typing import Any

from search import journal
from search.journal import JOURNAL
from spaces.space import SearchSpace
from train.config import TrialConfig, config_from_mapping
from train.errors import UsageError

MOST = 5
PARAMS = "params.json"


def best_configs(folder: Path) -> list[TrialConfig]:
    """Return the configurations of a study's MOST best trials, the best first; raise UsageError if there are none."""
    scored = []
    for path in folder.glob(f"*/{JOURNAL}"):
        scores = [row["score"] for row in journal.read(path) if not row.get("diverged")]
        params = path.with_name(PARAMS)
        if scores and params.is_file():
            scored.append((max(scores), path.parent.name, json.loads(params.read_text(encoding="utf-8"))))
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
