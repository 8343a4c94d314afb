"""A trial's report after an epoch or a fold: what the trial sends, and what driver, journal and readers find again.

The names of the columns stand in reports.jsonl and in Tune's results; they do not change.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, Self

import numpy as np

from search.records.ranking import WORST, Forgotten
from train.config import TrialConfig, config_from_mapping
from train.tasks import SampleStats

Row = Mapping[str, Any]

EPOCH, LOSS, EPOCH_SECONDS = "epoch", "loss", "epoch_seconds"
"""What `train.loop.train` reports of every task; the scores stand under the task's own names."""
SCORE, METRIC = "score", "best_score"
"""The epoch's one number (`search.records.ranking.score`), and the trial's best so far: what a search maximises."""
MICRO_BATCHES, NOTE = "parts", "note"
FORGETTING, EXCESS = Forgotten._fields
DIVERGED, REASON = "diverged", "reason"
COPIED, TRAINED_WITH = "copied_from", "trained_with"
FOLD, OF, SAMPLES, ROWS, CHOSEN = "fold", "folds", "samples", "fold_rows", "fold_chosen"
ELAPSED, TIME, STEP_SECONDS, CHECKPOINT = (
    "time_total_s",
    "timestamp",
    "time_this_iter_s",
    "checkpoint_dir_name",
)
"""What Tune adds."""

_OWN = {
    SCORE, METRIC, MICRO_BATCHES, NOTE, FORGETTING, EXCESS, DIVERGED, REASON, COPIED, TRAINED_WITH, FOLD, OF, SAMPLES,
    ROWS, CHOSEN, ELAPSED, TIME, STEP_SECONDS, CHECKPOINT,
}  # fmt: skip


@dataclass(frozen=True)
class FoldReport:
    """What the report after a fold says besides.

    Attributes:
        of: number of folds.
        samples: read by all folds so far.
        rows: JSON of (n, k): how each sample of this fold was done (`Task.per_sample`), or each of all folds so far.
        chosen: JSON of the configuration with what suits the samples of all folds so far; empty where nothing is.
    """

    number: int
    of: int
    samples: int
    rows: str = ""
    chosen: str = ""


@dataclass(frozen=True)
class Origin:
    """Where a population's trial has its weights from.

    Attributes:
        copied_from: the checkpoint of another trial that it went on from, TRIAL/NAME; empty for its own.
        trained_with: JSON of the configuration of this epoch.
    """

    copied_from: str
    trained_with: str

    @property
    def config(self) -> TrialConfig:
        """The configuration that the epoch was trained with."""
        return config_from_mapping(json.loads(self.trained_with), "trial")


@dataclass(frozen=True)
class Stamp:
    """What Tune adds to a report that it receives.

    Attributes:
        elapsed_s: that the trial has run.
        time: Unix time.
        step_s: since its last report.
        checkpoint: name of the folder of the checkpoint; empty without one.
    """

    elapsed_s: float = 0.0
    time: float = 0.0
    step_s: float = 0.0
    checkpoint: str = ""


@dataclass(frozen=True)
class TrialReport:
    """One report; of a trial that diverged it is the last one, of epoch 0.

    Attributes:
        metrics: of `train.loop.train`, or their means over the folds so far.
        score: one number that orders as ranks do.
        best_score: the best so far; with folds, the score of all of them.
        micro_batches: in which the largest batches were computed; 1 for whole ones.
        forgotten: of the general samples; None without any.
        note: what went wrong before and was got over.
        fold: None after an epoch.
        origin: of the weights; None but for a population.
        diverged: why; empty where the trial did not.
        stamp: Tune's.
    """

    metrics: Mapping[str, float]
    score: float
    best_score: float
    micro_batches: int = 1
    forgotten: Forgotten | None = None
    note: str = ""
    fold: FoldReport | None = None
    origin: Origin | None = None
    diverged: str = ""
    stamp: Stamp = field(default_factory=Stamp)

    @classmethod
    def of_diverged(cls, reason: str) -> Self:
        """Return the report of a trial that diverged."""
        return cls({EPOCH: 0}, WORST, WORST, diverged=reason)

    @property
    def epoch(self) -> int:
        """The epoch, or the number of the fold."""
        return int(self.metrics[EPOCH])

    @property
    def loss(self) -> float:
        """Mean training loss of the epoch."""
        return float(self.metrics[LOSS])

    @property
    def checkpoint_metrics(self) -> dict[str, float]:
        """What the checkpoint holds beside the metrics: what a trial that goes on from it has to know."""
        lost = self.forgotten._asdict() if self.forgotten else {}
        return {SCORE: self.score, **lost, METRIC: self.best_score, MICRO_BATCHES: self.micro_batches}

    def to_row(self) -> dict[str, Any]:
        """Return what is sent to Tune."""
        if self.diverged:
            return {DIVERGED: True, REASON: self.diverged, **self.metrics, SCORE: WORST, METRIC: WORST}
        row: dict[str, Any] = {**self.metrics, **self.checkpoint_metrics}
        if self.note:
            row[NOTE] = self.note
        if self.fold:
            row |= {
                FOLD: self.fold.number,
                OF: self.fold.of,
                SAMPLES: self.fold.samples,
                ROWS: self.fold.rows,
            }
            row |= {CHOSEN: self.fold.chosen} if self.fold.chosen else {}
        if self.origin:
            row |= {COPIED: self.origin.copied_from, TRAINED_WITH: self.origin.trained_with}
        return row

    @classmethod
    def from_row(cls, row: Row) -> Self:
        """Return the report that Tune or the journal has as a row.

        A key that an earlier version did not write has its default.
        """
        metrics = {key: value for key, value in row.items() if key not in _OWN and _is_number(value)}
        forgotten = Forgotten(*(float(row[key]) for key in Forgotten._fields)) if FORGETTING in row else None
        trained_with = row.get(TRAINED_WITH)
        return cls(
            metrics=metrics,
            score=float(row.get(SCORE, WORST)),
            best_score=float(row.get(METRIC, WORST)),
            micro_batches=int(row.get(MICRO_BATCHES, 1)),
            forgotten=forgotten,
            note=_text(row, NOTE),
            fold=_fold(row) if is_fold(row) else None,
            origin=Origin(_text(row, COPIED), trained_with) if isinstance(trained_with, str) else None,
            diverged=_text(row, REASON) or DIVERGED if row.get(DIVERGED) else "",
            stamp=_stamp(row),
        )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _text(row: Row, key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""


def _stamp(row: Row) -> Stamp:
    elapsed, time, step = (float(row.get(key, 0.0)) for key in (ELAPSED, TIME, STEP_SECONDS))
    return Stamp(elapsed, time, step, _text(row, CHECKPOINT))


def _fold(row: Row) -> FoldReport:
    return FoldReport(int(row[FOLD]), int(row[OF]), int(row[SAMPLES]), _text(row, ROWS), _text(row, CHOSEN))


def is_fold(row: Row) -> bool:
    """Return whether a row is of a report after a fold, and not after an epoch."""
    return bool(row.get(FOLD, 0) > 0)


def read_reports(rows: Iterable[Row]) -> list[TrialReport]:
    """Return the reports of a trial's rows in the order in which they came, repeated epochs included."""
    return [TrialReport.from_row(row) for row in rows if EPOCH in row]


def latest_reports(rows: Iterable[Row]) -> list[TrialReport]:
    """Return the reports by epoch; of an epoch that was repeated after a restart, the latest."""
    latest = {report.epoch: report for report in read_reports(rows)}
    return [latest[epoch] for epoch in sorted(latest)]


def checkpoint_scores(reports: Iterable[TrialReport]) -> dict[str, float]:
    """Return the score of every checkpoint that was reported, by the name of its folder."""
    return {report.stamp.checkpoint: report.score for report in reports if report.stamp.checkpoint}


def name_copied(checkpoint: str, trial: str) -> str:
    """Return TRIAL/NAME of a checkpoint's path if it is another trial's, else nothing."""
    *_, owner, name = checkpoint.rstrip("/").split("/")
    return "" if owner == trial else f"{owner}/{name}"


def join_rows(reports: Sequence[TrialReport]) -> SampleStats | None:
    """Return how every sample of a trial's folds was done, in the order of the folds; None of other trials."""
    found: list[SampleStats] = []
    for report in reports:
        if report.fold and report.fold.rows:
            rows = np.asarray(json.loads(report.fold.rows), np.float64)
            found = [rows] if len(rows) == report.fold.samples else [*found, rows]
    return np.concatenate(found) if found else None


def read_chosen(reports: Sequence[TrialReport]) -> TrialConfig | None:
    """Return a trial's configuration with what suits the samples of all its folds; None where nothing was chosen."""
    fold = reports[-1].fold if reports else None
    return config_from_mapping(json.loads(fold.chosen), "trial") if fold and fold.chosen else None
