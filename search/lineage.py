"""With which settings weights were really trained, where a population handed them from trial to trial."""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from ray.train.constants import CHECKPOINT_DIR_NAME

from search.population import mutable_settings
from search.provenance import Stage
from search.results import TrialRecord
from train.config import TrialConfig, config_from_mapping

COPIED, TRAINED_WITH = "copied_from", "trained_with"
"""In every report of a population: the checkpoint that was gone on from, TRIAL/NAME, and the configuration."""

Reports = Mapping[str, Sequence[Mapping[str, Any]]]


def copied_from(checkpoint: str, trial: str) -> str:
    """Return TRIAL/NAME of a checkpoint's path if it is another trial's, else nothing."""
    *_, owner, name = checkpoint.rstrip("/").split("/")
    return "" if owner == trial else f"{owner}/{name}"


def config_of(report: Mapping[str, Any]) -> TrialConfig | None:
    """Return the configuration that a report of a population was trained with; None for any other report."""
    text = report.get(TRAINED_WITH)
    return config_from_mapping(json.loads(text), "trial") if isinstance(text, str) else None


def stages(reports: Reports, trial: str, row: int) -> tuple[Stage, ...]:
    """Return how the weights behind report `row` of a trial were trained, from the first epoch on.

    Args:
        reports: of every trial, all of them in the order in which they came, repeated epochs included.
        trial: id.
        row: of one of its reports.
    """
    steps: list[tuple[str, int, dict[str, float]]] = []
    place: tuple[str, int] | None = (trial, row)
    while place is not None:
        name, at = place
        report = reports[name][at]
        config = config_of(report)
        assert config is not None, "only a population has stages"
        steps.append((name, int(report["epoch"]), mutable_settings(config)))
        place = _before(reports, name, at)
    found = []
    for (name, settings), group in groupby(reversed(steps), key=lambda step: (step[0], step[2])):
        epochs = [epoch for _, epoch, _ in group]
        found.append(Stage(trial=name, first_epoch=epochs[0], last_epoch=epochs[-1], settings=settings))
    return tuple(found)


def _before(reports: Reports, trial: str, row: int) -> tuple[str, int] | None:
    """Return trial and report whose weights a report's epoch began with; None for those of the model."""
    rows = reports[trial]
    epoch, copied = int(rows[row]["epoch"]), _text(rows[row].get(COPIED))
    own = [at for at in range(row) if int(rows[at]["epoch"]) == epoch - 1]
    if own and (not copied or _text(rows[own[-1]].get(COPIED)) == copied):
        return trial, own[-1]
    if not copied:
        return None
    donor, name = copied.split("/")
    return donor, next(at for at, r in enumerate(reports[donor]) if r.get(CHECKPOINT_DIR_NAME) == name)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def with_stages(trials: Sequence[TrialRecord], reports: Reports) -> tuple[TrialRecord, ...]:
    """Return the trials of a population with the configuration of their best epoch, and how its weights came about."""
    return tuple(_with_stages(trial, reports) for trial in trials)


def _with_stages(trial: TrialRecord, reports: Reports) -> TrialRecord:
    if trial.best is None:
        return trial
    rows = reports[trial.id]
    row = max(at for at, report in enumerate(rows) if int(report["epoch"]) == trial.best.epoch)
    config = config_of(rows[row]) or trial.config
    return trial.model_copy(update={"config": config, "stages": stages(reports, trial.id, row)})


def stages_text(found: Sequence[Stage]) -> str:
    """Return what best.yaml says above a configuration that did not train alone; nothing of one that did."""
    if len(found) < 2:
        return ""
    lines = [
        "The winning trial was trained in stages, by population based training. Below are the last one's settings:",
        "train/run.py trains with them from the first epoch on, which is another run.",
        *map(str, found),
    ]
    return "\n".join(lines)
