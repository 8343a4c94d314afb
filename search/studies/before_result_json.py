"""Finished studies of versions before result.json: read back from summary.json, which does not hold all of a result."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from search.records.evidence import Confirmation, EarlierStudy, Evidence, FrontTrial, LabelCheck, Latency
from search.records.facts import DataSummary, DiskUse, GeneralSummary, Reservation
from search.records.result import Comparison, StudyResult, baseline_from_json
from search.records.scores import scores_from_json
from search.records.trial import TrialRecord
from search.settings import StudySettings
from search.storage.files import SUMMARY_FILE
from search.storage.journal import read_study_event
from search.studies.rebuild import count_samples, read_baselines, rebuild_trials
from train.errors import CheckpointError
from train.scoring.intervals import Gain, Interval
from train.scoring.scores import Scores
from train.tasks import TASKS

MISSING = (
    "this study is of an earlier version, which wrote no result.json: the samples that its winner misreads stand in "
    "its report.html alone"
)


def read_summary(folder: Path, settings: StudySettings) -> StudyResult:
    """Return the result of a finished study from its summary and its journal; it has no misreadings.

    Raises:
        CheckpointError: its summary is damaged.
    """
    path = folder / SUMMARY_FILE
    try:
        return _as_result(json.loads(path.read_bytes()), folder, settings)
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            "the summary of a study must be whole and of a known version",
            f"{path}: {type(error).__name__} {' '.join(str(error).split())[:100]}",
            "put it back from a copy; report.html says what it held",
        ) from error


def _as_result(found: dict[str, Any], folder: Path, settings: StudySettings) -> StudyResult:
    baselines = read_baselines(settings, found)
    samples = count_samples(baselines, found["data"]["samples"].get("val", 0))
    trials = _read_trials(found["trials"], rebuild_trials(folder, settings, "finished", samples))
    # The limit is at least that, where the journal does not tell it.
    longest = max((trial.config.epochs for trial in trials), default=1)
    return StudyResult(
        name=settings.name,
        task=settings.task_name,
        space=settings.space,
        data=DataSummary.model_validate(found["data"]),
        baselines=baselines,
        trials=trials,
        averaged=tuple((found["best"] or {}).get("averaged_trials", ())),
        comparisons=_read_comparisons(TASKS.get(settings.task_name).scores, found),
        misreadings=(),
        evidence=_read_evidence(found),
        general=_read_general(found),
        labels=LabelCheck.model_validate(found["label_mistakes"]) if found.get("label_mistakes") else None,
        reservation=Reservation.model_validate(found.get("trial_share", {})),
        max_epochs=read_study_event(folder).get("max_epochs") or longest,
        wall_seconds=found["wall_seconds"],
        versions=found["versions"],
        seeds=found["seeds"],
        commands=found["commands"],
        disk=DiskUse.model_validate(found["disk"]) if found.get("disk") else None,
    )


def _read_trials(values: Sequence[dict[str, Any]], rebuilt: Sequence[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Return the trials in the summary's order, which says how each ended, and how fast it is."""
    ends = {trial["id"]: trial for trial in values}
    order = {name: place for place, name in enumerate(ends)}
    ordered = sorted(rebuilt, key=lambda trial: order.get(trial.id, len(order)))
    return tuple(_with_end(trial, ends[trial.id]) if trial.id in ends else trial for trial in ordered)


def _with_end(trial: TrialRecord, values: dict[str, Any]) -> TrialRecord:
    latency = Latency.model_validate(values["latency"]) if values.get("latency") else None
    return trial.model_copy(update={"state": values["state"], "reason": values["reason"], "latency": latency})


def _read_evidence(found: dict[str, Any]) -> Evidence:
    """Return what the scores rest on, and whether more than its score chose the winner."""
    confirmations = tuple(map(Confirmation.model_validate, found.get("confirmations", ())))
    front = tuple(map(FrontTrial.model_validate, found.get("front", ())))
    more = any(one.chosen for one in front) or any(one.mean is not None for one in confirmations)
    return Evidence(
        folds=found.get("folds", 1),
        differences={name: Gain.model_validate(gain) for name, gain in found.get("differences", {}).items()},
        front=front,
        confirmations=confirmations,
        chosen=found["best"]["trial"] if more and found["best"] else None,
        earlier=tuple(map(EarlierStudy.model_validate, found.get("earlier", ()))),
    )


def _read_comparisons(kind: type[Scores], found: dict[str, Any]) -> tuple[Comparison, ...]:
    """Return the winner against pretrained baselines, on each split that it was judged on."""
    best, general = found["best"], found.get("general") or {}
    splits: dict[str, Any] = {
        "validation": {**best, "baseline": found["baseline"], "best": best} if best else None,
        "test": found.get("test"),
        "general": general.get("comparison"),
    }
    return tuple(
        _read_comparison(kind, split, values)
        for split, values in splits.items()
        if values and values.get("gain") is not None
    )


def _read_comparison(kind: type[Scores], split: Any, values: dict[str, Any]) -> Comparison:
    low, high = values["gain_interval_95"]
    return Comparison(
        split=split,
        baseline=baseline_from_json(kind, values["baseline"]),
        winner=scores_from_json(kind, values["best"]),
        gain=Gain(difference=values["gain"], interval=Interval(low=low, high=high)),
    )


def _read_general(found: dict[str, Any]) -> GeneralSummary | None:
    general = found.get("general")
    return GeneralSummary(**{key: general[key] for key in GeneralSummary.model_fields}) if general else None
