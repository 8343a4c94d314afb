"""What became of each trial, made from its reports: of a finished search as of one that runs or was interrupted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from search.records.trial import Measure, State, TrialRecord
from search.records.trial_report import DIVERGED, EPOCH, Row, TrialReport, latest_reports, read_reports
from search.storage.journal import TrialJournal, keep_plain
from train.config import TrialConfig, config_from_mapping
from train.scoring.scores import VAL_LOSS, Scores
from train.steps.schedule import Best, ScheduleHorizon
from train.steps.validation import GENERAL
from train.tasks import TASKS


class Samples(NamedTuple):
    """How many samples trials are scored on."""

    val: int
    general: int = 0


def trial_id(result: Any) -> str:
    """Return the id of one of Tune's results, which names its folder."""
    return Path(result.path).name


def complete_journal(result: Any, journals: dict[str, TrialJournal]) -> TrialJournal:
    """Return the journal of one of Tune's results, with its error.

    An epoch that the study's journal lacks, as of a search whose machine was lost with it, may stand in Tune's record.
    """
    name = trial_id(result)
    written = journals.get(name) or TrialJournal(name, {})
    frame = result.metrics_dataframe
    tunes = (
        [] if frame is None or EPOCH not in frame else [keep_plain(row) for row in frame.to_dict("records")]
    )
    epochs = {report.epoch for report in read_reports(written.rows)}
    lacking = [row for row in tunes if EPOCH in row and int(row[EPOCH]) not in epochs]
    # A trial that has diverged reports no more.
    rows = [*(row for row in lacking if not row.get(DIVERGED)), *written.rows]
    rows += [row for row in lacking if row.get(DIVERGED)]
    error = "" if result.error is None else str(result.error).strip() or type(result.error).__name__
    return TrialJournal(name, dict(result.config or written.config), rows, ended=True, error=error)


def make_record(
    journal: TrialJournal,
    started: float,
    samples: Samples,
    notes: tuple[str, ...] = (),
    study_state: str = "finished",
) -> TrialRecord:
    """Return what became of a trial; a crashed or diverged one has no score.

    Args:
        journal: what it has reported.
        started: Unix time at which the study began.
        samples: that it is scored on.
        notes: what it got over.
        study_state: `running` or `interrupted` if it may report more.
    """
    reports = latest_reports(journal.rows)
    last = reports[-1] if reports else None
    config = read_trained_config(journal.config, last)
    state, reason = find_state(journal, last, config)
    if state == "stopped" and not journal.ended:
        reason = f"{study_state} at {describe_progress(last, config)}"
    return TrialRecord(
        id=journal.id,
        state=state,
        config=config,
        history=measure_reports(reports, config, samples),
        started=max(0.0, reports[0].stamp.time - reports[0].stamp.step_s - started) if reports else 0.0,
        seconds=last.stamp.elapsed_s if last else 0.0,
        reason=reason,
        micro_batches=last.micro_batches if last else 1,
        notes=notes,
    )


def read_trained_config(params: Row | None, last: TrialReport | None) -> TrialConfig:
    """Return what was trained; a trial that fitted its length to the time (`train/steps/schedule.py`) says how long.

    Args:
        params: what Tune started it with.
        last: its last report; None before the first.
    """
    config = config_from_mapping(dict(params), "trial") if params else TrialConfig()
    horizon = ScheduleHorizon.from_metrics(last.metrics if last else {}, config.epochs)
    return horizon.as_trained(config)


def measure_reports(
    reports: Sequence[TrialReport], config: TrialConfig, samples: Samples
) -> tuple[Measure, ...]:
    """Return the scores of every report."""
    kind = TASKS.get(config.task).scores
    return tuple(measure_report(report, kind, samples) for report in reports if not report.diverged)


def measure_report(report: TrialReport, kind: type[Scores], samples: Samples) -> Measure:
    """Return one report's scores; one of a fold says itself how many samples they are over."""
    general = kind.are_in(report.metrics, GENERAL)
    lost = report.forgotten._asdict() if report.forgotten else {}
    return Measure(
        fold=report.fold.number if report.fold else 0,
        epoch=report.epoch,
        seconds=report.stamp.elapsed_s,
        loss=report.loss,
        scores=kind.from_metrics(report.metrics, report.fold.samples if report.fold else samples.val),
        val_loss=report.metrics.get(VAL_LOSS),
        general=kind.from_metrics(report.metrics, samples.general, GENERAL) if general else None,
        **lost,
    )


def find_state(journal: TrialJournal, last: TrialReport | None, config: TrialConfig) -> tuple[State, str]:
    """Return how a trial ended, and why.

    Args:
        journal: its newest row is the last that it said.
        last: report of the last epoch.
        config: as trained.
    """
    if journal.error:
        return "failed", journal.error.splitlines()[-1]
    if last is None:
        return "stopped", "the time was over before its first epoch"
    newest = read_reports(journal.rows)[-1]
    if newest.diverged:
        return "diverged", newest.diverged
    best = Best(TASKS.get(config.task).scores.names[:2]).from_metrics(last.metrics)
    if last.epoch == (last.fold.of if last.fold else config.epochs):
        return "finished", ""
    # Earlier versions' patience ended trials that read everything, too: at this epoch, and no later one.
    ended = 0 < config.patience == last.epoch - best.epoch
    if ended or best.out_of_patience(last.epoch, config.patience):
        return "finished", f"no better epoch in {config.patience} after epoch {best.epoch}"
    return "stopped", f"stopped after {describe_progress(last, config)} (scheduler or time budget)"


def describe_progress(last: TrialReport | None, config: TrialConfig) -> str:
    """Say how far a trial has come by its last report, 'epoch 3 of 9' or 'fold 1 of 5'."""
    if last and last.fold:
        return f"fold {last.fold.number} of {last.fold.of}"
    return f"epoch {last.epoch if last else 0} of {config.epochs}"
