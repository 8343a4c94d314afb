"""What a study that runs or was interrupted has found so far: its journal tells."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.experiment.incidents import read_incidents
from search.records.facts import DataSummary
from search.records.from_reports import Samples, make_record
from search.records.result import Baseline, StudyResult, baseline_from_json
from search.records.trial import TrialRecord
from search.records.trial_report import read_reports
from search.sampling.lineage import add_stages
from search.settings import StudySettings
from search.storage.files import STUDY_FILE
from search.storage.journal import read_journal, read_study_event
from train.system.machine.versions import installed_versions
from train.tasks import TASKS


def rebuild_result(folder: Path, settings: StudySettings, state: str) -> StudyResult:
    """Return what is known before the end: baselines and trials, no comparisons, no misreadings.

    Args:
        folder: the study's.
        settings: what was asked.
        state: of the study, `running` or `interrupted`.
    """
    begun, started = read_study_event(folder), read_start(folder)
    baselines = read_baselines(settings, begun)
    return StudyResult(
        name=settings.name,
        task=settings.task_name,
        space=settings.space,
        data=DataSummary(path=settings.data or "", samples={}, origins={}),
        baselines=baselines,
        trials=rebuild_trials(folder, settings, state, count_samples(baselines)),
        comparisons=(),
        misreadings=(),
        max_epochs=begun.get("max_epochs", 1),
        wall_seconds=time.time() - started,
        versions=installed_versions(),
        seeds={},
        commands={},
    )


def read_start(folder: Path) -> float:
    """Return the Unix time at which a study began."""
    return (folder / STUDY_FILE).stat().st_mtime


def read_baselines(settings: StudySettings, values: Mapping[str, Any]) -> tuple[Baseline, ...]:
    """Return the pretrained baselines of the journal's first line, or of a summary."""
    kind = TASKS.get(settings.task_name).scores
    return tuple(baseline_from_json(kind, baseline) for baseline in values.get("baselines", ()))


def count_samples(baselines: tuple[Baseline, ...], val: int = 0) -> Samples:
    """Return how many samples trials are scored on, as the baselines are; `val` without any."""
    if not baselines:
        return Samples(val)
    general = baselines[0].general
    return Samples(baselines[0].scores.n, general.n if general else 0)


def rebuild_trials(
    folder: Path, settings: StudySettings, state: str, samples: Samples
) -> tuple[TrialRecord, ...]:
    """Return the trials as far as their reports tell; of a population, each with the settings of its best epoch."""
    journals, notes, started = read_journal(folder), read_incidents(folder), read_start(folder)
    trials = tuple(
        make_record(journal, started, samples, notes.get(journal.id, ()), state) for journal in journals
    )
    if settings.population is None:
        return trials
    return add_stages(trials, {journal.id: read_reports(journal.rows) for journal in journals})
