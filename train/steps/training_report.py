"""training_report.json: what a run of `train/run.py` used and reached, for programs; up to date after every epoch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from train.errors import StorageError
from train.scoring.scores import VAL_LOSS, refine
from train.system.files import write_whole

FILE = "training_report.json"
RUNNING, COMPLETED, INTERRUPTED, FAILED = "running", "completed", "interrupted", "failed"
ACCURACY = "val_accuracy"
HISTORY = {
    "epoch": "epoch",
    "train_loss": "loss",
    "val_loss": "val_loss",
    "seconds": "epoch_seconds",
}


class TrainingReport:
    """The report of one run; a file is replaced as a whole, so that a reader never sees half of one."""

    def __init__(self, path: Path, facts: Mapping[str, Any], after_epoch: int, names: Sequence[str]) -> None:
        """Begin a report, or go on with the file's after `after_epoch` epochs.

        Args:
            path: the file.
            facts: what is known before the first epoch, as the report has it.
            after_epoch: epochs that the checkpoint had that the run goes on from; 0 for a new run.
            names: of the task's scores (`Scores.names`); the first is `val_accuracy`, the second breaks ties.
        """
        accuracy, tie, *others = names
        self._tie = f"val_{tie}"
        self._keys = HISTORY | {ACCURACY: accuracy} | {f"val_{name}": name for name in (tie, *others)}
        self._path, self._facts = path, dict(facts)
        before = json.loads(path.read_text(encoding="utf-8")) if after_epoch and path.is_file() else {}
        history = before.get("history_summary", [])
        self._history: list[dict[str, Any]] = [row for row in history if row["epoch"] <= after_epoch]

    def add(self, metrics: Mapping[str, float]) -> None:
        """Take up an epoch's metrics, those of `train.loop.train`."""
        self._history.append({name: metrics.get(key) for name, key in self._keys.items()})
        self.write(RUNNING)

    def write(self, status: str, model_path: Path | None = None, reason: str | None = None) -> None:
        """Replace the file.

        Args:
            status: RUNNING, COMPLETED, INTERRUPTED or FAILED.
            model_path: the bundle, once there is one.
            reason: why it failed, or could not go on.
        """
        text = json.dumps(self._contents(status, model_path, reason), indent=1, allow_nan=False)
        write_whole(self._path, text + "\n", durable=True)  # a resumed run compares its data with it

    def _rank(self, row: Mapping[str, Any]) -> tuple[float, float]:
        return row[ACCURACY], refine(row[self._tie], row.get(VAL_LOSS))

    def _contents(self, status: str, model_path: Path | None, reason: str | None) -> dict[str, Any]:
        last = self._history[-1] if self._history else {}
        best = max(self._history, key=self._rank, default={})
        return {
            "status": status,
            "timestamp": datetime.now(UTC).isoformat(timespec="seconds"),
            **self._facts,
            "epochs_trained": last.get("epoch", 0),
            "final_train_loss": last.get("train_loss"),
            "final_val_loss": last.get("val_loss"),
            "final_val_accuracy": last.get(ACCURACY),
            "best_val_accuracy": best.get(ACCURACY),
            "best_epoch": best.get("epoch"),
            "model_path": str(model_path) if model_path else None,
            "reason": reason,
            "history_summary": self._history,
        }


@contextmanager
def reporting_the_end(report: TrainingReport) -> Iterator[None]:
    """Write into the report how what happens inside ends, if it does not end well.

    Where no file can be written, the report stays that of the last epoch: the run ends as it would without it.
    """
    try:
        yield
    except BaseException as error:
        status = INTERRUPTED if isinstance(error, KeyboardInterrupt | StorageError) else FAILED
        reason = None if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
        with suppress(OSError):
            report.write(status, reason=reason)
        raise
