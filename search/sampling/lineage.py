"""With which settings weights were really trained, where a population handed them from trial to trial."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from ray.train.constants import CHECKPOINT_DIR_NAME

from search.records.evidence import Stage
from search.records.trial import TrialRecord
from search.records.trial_report import COPIED, config_of
from search.sampling.population import mutable_settings

Reports = Mapping[str, Sequence[Mapping[str, Any]]]


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
