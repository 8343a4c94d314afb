"""What became of each trial, told by its reports."""

from pathlib import Path
from typing import Any, NamedTuple

from search.records.trial import Measure, State, TrialRecord
from search.records.trial_report import FOLD, FORGOTTEN, OF, SAMPLES, is_fold
from search.storage.journal import Row, TrialJournal, plain
from train.config import TrialConfig, config_from_mapping
from train.scoring.scores import Scores
from train.steps.schedule import Best, ScheduleHorizon
from train.steps.validation import GENERAL
from train.tasks import TASKS


class Samples(NamedTuple):
    """How many samples trials are scored on."""

    val: int
    general: int = 0


def trial_id(result: Any) -> str:
    """Return a trial's id, which names its folder."""
    return Path(result.path).name


def told_of(result: Any, journals: dict[str, TrialJournal]) -> TrialJournal:
    """Return what is known of one of Tune's results.

    An epoch that the study's journal lacks, as of a search whose machine was lost with it, may stand in Tune's record.
    """
    written = journals.get(trial_id(result)) or TrialJournal(trial_id(result), dict(result.config or {}))
    frame = result.metrics_dataframe
    tunes = [] if frame is None or "epoch" not in frame else frame.to_dict("records")
    known = {int(row["epoch"]) for row in written.rows}
    lacking = [plain(row) for row in tunes if int(row["epoch"]) not in known]
    return TrialJournal(written.id, written.config, lacking + written.rows, written.ended, written.error)


def record(
    result: Any, told: TrialJournal, started: float, samples: Samples, notes: tuple[str, ...] = ()
) -> TrialRecord:
    """Return what became of one Tune trial; a crashed or diverged one has no score.

    Args:
        result: Tune's.
        told: what it has reported.
        started: Unix time at which the study began.
        samples: that it is scored on.
        notes: what it got over.
    """
    reports = told.reports
    last = reports[-1] if reports else {}
    config = trial_config(result.config, last)
    state, reason = state_of(result, last, config)
    return TrialRecord(
        id=told.id,
        state=state,
        config=config,
        history=history(reports, config, samples),
        started=begun(reports, started),
        seconds=float(last.get("time_total_s", 0.0)),
        reason=reason,
        micro_batches=int(last.get("parts", 1)),
        notes=notes,
    )


def trial_config(params: dict[str, Any] | None, last: Row) -> TrialConfig:
    """Return what was trained; a trial that fitted its length to the time (`train/steps/schedule.py`) says how long.

    Args:
        params: what Tune started it with.
        last: its last report; empty before the first.
    """
    config = config_from_mapping(params, "trial") if params else TrialConfig()
    return config.model_copy(update={"epochs": ScheduleHorizon.kept_in(last, config.epochs).epochs})


def history(reports: list[Row], config: TrialConfig, samples: Samples) -> tuple[Measure, ...]:
    """Return the scores of every report."""
    kind = TASKS.get(config.task).scores
    return tuple(measure(report, kind, samples) for report in reports if not report.get("diverged"))


def begun(reports: list[Row], started: float) -> float:
    """Return the seconds from the study's start (Unix time) to the trial's; 0 before its first report."""
    return max(0.0, reports[0]["timestamp"] - reports[0]["time_this_iter_s"] - started) if reports else 0.0


def measure(report: Row, kind: type[Scores], samples: Samples) -> Measure:
    """Return one report's scores; one of a fold says itself how many samples they are over."""
    n = int(report[SAMPLES]) if is_fold(report) else samples.val
    lost = {name: float(report[name]) for name in FORGOTTEN if name in report}
    return Measure(
        fold=int(report[FOLD]) if is_fold(report) else 0,
        epoch=int(report["epoch"]),
        seconds=float(report["time_total_s"]),
        loss=float(report["loss"]),
        scores=kind.kept_in(report, n),
        general=kind.kept_in(report, samples.general, GENERAL) if kind.are_in(report, GENERAL) else None,
        **lost,
    )


def state_of(result: Any, last: Row, config: TrialConfig) -> tuple[State, str]:
    """Return how a trial ended, and why."""
    if result.error is not None:
        return "failed", str(result.error).strip().splitlines()[-1]
    if (result.metrics or {}).get("diverged"):
        return "diverged", str(result.metrics["reason"])
    if not last:
        return "stopped", "the time was over before its first epoch"
    epoch, best = int(last["epoch"]), Best(TASKS.get(config.task).scores.names[:2]).kept_in(last)
    if epoch == (int(last[OF]) if is_fold(last) else config.epochs):
        return "finished", ""
    if best.out_of_patience(epoch, config.patience):
        return "finished", f"no better epoch in {config.patience} after epoch {best.epoch}"
    return "stopped", f"stopped after {progress_text(last, config)} (scheduler or time budget)"


def progress_text(last: Row, config: TrialConfig) -> str:
    """Say how far a trial has come by its last report, 'epoch 3 of 9' or 'fold 1 of 5'."""
    if last and is_fold(last):
        return f"fold {last['epoch']} of {last[OF]}"
    return f"epoch {last.get('epoch', 0)} of {config.epochs}"
