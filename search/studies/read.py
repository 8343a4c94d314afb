"""The studies of a storage folder, as their files tell them; nothing is trained, and nothing is read half-written."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from search.experiment.incidents import incidents
from search.records.evidence import Confirmation, Earlier, Evidence, FrontTrial, LabelCheck, Latency
from search.records.facts import DataSummary, DiskUse, GeneralSummary, TrialShare
from search.records.from_reports import Samples, begun, history, progress_text, state_of, trial_config
from search.records.result import Baseline, Comparison, StudyResult
from search.records.trial import TrialRecord
from search.sampling.lineage import with_stages
from search.settings import StudySettings, population
from search.storage.files import JOURNAL, STUDY_FILE, SUMMARY_FILE
from search.storage.journal import TrialJournal, read_journal, read_known
from search.storage.lock import is_held
from train.config import config_error
from train.errors import UsageError
from train.scoring.intervals import Gain, Interval
from train.scoring.scores import Scores
from train.tasks import TASKS
from train.versions import installed_versions

StudyState = Literal["running", "interrupted", "finished"]


@dataclass(frozen=True)
class Study:
    """One study's folder.

    Attributes:
        summary: what summary.json says; None before the end.
    """

    folder: Path
    settings: StudySettings
    state: StudyState
    summary: dict[str, Any] | None

    @property
    def name(self) -> str:
        """Its name."""
        return self.settings.name

    @property
    def changed(self) -> float:
        """Unix time of the last that is known of it."""
        names = (SUMMARY_FILE, JOURNAL, STUDY_FILE)
        return max(path.stat().st_mtime for name in names if (path := self.folder / name).exists())


def read_study(folder: Path) -> Study:
    """Read a study's folder; raise UsageError if there is none, or of a version that is not known here."""
    path = folder / STUDY_FILE
    if not path.is_file():
        known = ", ".join(study.name for study in studies(folder.parent)) or "none"
        raise UsageError(
            "a study must be there", folder, f"name one of {folder.parent} ({known}), or --storage"
        )
    with config_error(str(path)):
        settings = StudySettings.model_validate_json(path.read_bytes())
    ended = folder / SUMMARY_FILE
    running = is_held(folder)
    summary = json.loads(ended.read_text(encoding="utf-8")) if ended.is_file() and not running else None
    state: StudyState = "running" if running else "finished" if summary else "interrupted"
    return Study(folder, settings, state, summary)


def studies(storage: Path) -> list[Study]:
    """Return the studies under a folder, the latest first; raise UsageError if there is no such folder."""
    if not storage.is_dir():
        raise UsageError(
            "--storage must be a folder with studies", storage, "copy what lies elsewhere, or name it"
        )
    found = [read_study(path.parent) for path in storage.glob(f"*/{STUDY_FILE}")]
    return sorted(found, key=lambda study: study.changed, reverse=True)


def read_result(study: Study) -> StudyResult:
    """Return what a study has found, as far as its files tell it: no misreadings, and no comparisons before the end."""
    said = study.summary or read_known(study.folder)
    settings, started = study.settings, (study.folder / STUDY_FILE).stat().st_mtime
    data = said.get("data", {"path": settings.data or "", "samples": {}, "origins": {}})
    kind = TASKS.get(settings.task_name).scores
    baselines = tuple(_baseline(kind, baseline) for baseline in said.get("baselines", ()))
    samples = _samples(baselines, data)
    return StudyResult(
        name=study.name,
        task=settings.task_name,
        space=settings.space,
        data=DataSummary.model_validate(data),
        baselines=baselines,
        trials=_trials(study, started, samples),
        averaged=tuple((said.get("best") or {}).get("averaged_trials", ())),
        comparisons=_comparisons(kind, said),
        misreadings=(),
        evidence=_evidence(said),
        general=_general(said),
        labels=LabelCheck.model_validate(said["label_mistakes"]) if said.get("label_mistakes") else None,
        share=TrialShare.model_validate(said.get("trial_share", {})),
        max_epochs=said.get("max_epochs", 1),
        wall_seconds=said.get("wall_seconds", time.time() - started),
        versions=said.get("versions", installed_versions()),
        seeds=said.get("seeds", {}),
        commands=said.get("commands", {}),
        disk=DiskUse.model_validate(said["disk"]) if said.get("disk") else None,
    )


def _samples(baselines: Sequence[Baseline], data: dict[str, Any]) -> Samples:
    """Return how many samples trials are scored on, as the baselines are."""
    if not baselines:
        return Samples(data["samples"].get("val", 0))
    general = baselines[0].general
    return Samples(baselines[0].scores.n, general.n if general else 0)


def _trials(study: Study, started: float, samples: Samples) -> tuple[TrialRecord, ...]:
    """Return the trials as far as they are known; of a population, each with the settings of its best epoch."""
    journals, notes = read_journal(study.folder), incidents(study.folder)
    ended = {trial["id"]: trial for trial in (study.summary or {}).get("trials", ())}
    found = tuple(_trial(trial, study, started, samples) for trial in journals)
    if population(study.settings) is not None:
        found = with_stages(found, {trial.id: trial.rows for trial in journals})
    return tuple(
        trial.model_copy(update={"notes": notes.get(trial.id, ()), **_ended(ended.get(trial.id))})
        for trial in found
    )


def _ended(said: dict[str, Any] | None) -> dict[str, Any]:
    """Return how a trial ended, and how fast it is, as summary.json says it; nothing before the end."""
    if said is None:
        return {}
    latency = Latency.model_validate(said["latency"]) if said.get("latency") else None
    return {"state": said["state"], "reason": said["reason"], "latency": latency}


def _trial(trial: TrialJournal, study: Study, started: float, samples: Samples) -> TrialRecord:
    """Return a trial's record as far as its reports tell it."""
    reports = trial.reports
    last, newest = (reports[-1], trial.rows[-1]) if reports else ({}, {})
    config = trial_config(trial.config, last)
    state, reason = state_of(SimpleNamespace(error=trial.error or None, metrics=newest), last, config)
    if not trial.ended and state == "stopped":
        reason = f"{study.state} at {progress_text(last, config)}"
    return TrialRecord(
        id=trial.id,
        state=state,
        config=config,
        history=history(reports, config, samples),
        started=begun(reports, started),
        seconds=last.get("time_total_s", 0.0),
        reason=reason,
        micro_batches=int(last.get("parts", 1)),
    )


def _evidence(said: dict[str, Any]) -> Evidence:
    """Return what the scores rest on, as summary.json says it; whether more than its score chose the winner, too."""
    confirmations = tuple(map(Confirmation.model_validate, said.get("confirmations", ())))
    front = tuple(map(FrontTrial.model_validate, said.get("front", ())))
    more = any(one.chosen for one in front) or any(one.mean is not None for one in confirmations)
    return Evidence(
        folds=said.get("folds", 1),
        differences={name: Gain.model_validate(gain) for name, gain in said.get("differences", {}).items()},
        front=front,
        confirmations=confirmations,
        chosen=said["best"]["trial"] if more and said.get("best") else None,
        earlier=tuple(map(Earlier.model_validate, said.get("earlier", ()))),
    )


def _scores(kind: type[Scores], said: dict[str, Any]) -> Scores:
    ends = said.get("interval_95") or ()
    return kind.kept_in(said | dict(zip(kind.ends(), ends, strict=False)), said["n"])


def _baseline(kind: type[Scores], said: dict[str, Any]) -> Baseline:
    general = said.get("general")
    return Baseline(
        model=said["model"],
        charset=said["charset"],
        fit_width=said["fit_width"],
        untrained=said.get("untrained", False),
        tuned=said.get("tuned", False),
        scores=_scores(kind, said),
        general=_scores(kind, general) if general else None,
    )


def _comparisons(kind: type[Scores], said: dict[str, Any]) -> tuple[Comparison, ...]:
    """Return the winner against pretrained baselines, on each split that it was judged on."""
    best, general = said.get("best"), said.get("general") or {}
    found: dict[str, Any] = {
        "validation": {"baseline": said["baseline"], "best": best, **_gain_of(best)} if best else None,
        "test": said.get("test"),
        "general": general.get("comparison"),
    }
    return tuple(
        _comparison(kind, split, part)
        for split, part in found.items()
        if part and part.get("gain") is not None
    )


def _gain_of(best: dict[str, Any]) -> dict[str, Any]:
    return {key: best[key] for key in ("gain", "gain_interval_95")}


def _comparison(kind: type[Scores], split: Any, said: dict[str, Any]) -> Comparison:
    low, high = said["gain_interval_95"]
    return Comparison(
        split=split,
        baseline=_baseline(kind, said["baseline"]),
        winner=_scores(kind, said["best"]),
        gain=Gain(difference=said["gain"], interval=Interval(low=low, high=high)),
    )


def _general(said: dict[str, Any]) -> GeneralSummary | None:
    general = said.get("general")
    return GeneralSummary(**{key: general[key] for key in GeneralSummary.model_fields}) if general else None
