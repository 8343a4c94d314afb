"""reports.jsonl: what every trial has reported so far, written as it happens.

Tune copies its own files to the study's folder every few minutes; a running study is looked at sooner.
"""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ray.tune import Callback

JOURNAL = "reports.jsonl"
Row = dict[str, Any]


class Journal(Callback):  # type: ignore[misc]
    """Appends a line for everything that becomes of a trial.

    Args:
        path: of the file; a resumed study goes on with it.
        known: what is known before the first trial.
    """

    def __init__(self, path: Path, known: Row) -> None:
        self._path = path
        self._write({"event": "study", **known})

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note what is tried."""
        self._write({"event": "start", "trial": trial.trial_id, "config": trial.config})

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Note the report."""
        self._write({"event": "report", "trial": trial.trial_id, **plain(result)})

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that it will report no more."""
        self._write({"event": "end", "trial": trial.trial_id})

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that it failed."""
        self._write({"event": "error", "trial": trial.trial_id, "error_file": str(trial.error_file)})

    def _write(self, row: Row) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def plain(result: Mapping[str, Any]) -> Row:
    """Return the finite numbers, texts and truth values of a report, which are all that JSON takes."""
    return {
        key: value
        for key, value in result.items()
        if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
    }


@dataclass
class TrialJournal:
    """What is known of one trial.

    Attributes:
        reports: by epoch, of a repeated one the latest.
        ended: it will report no more.
        error: where its error stands; empty if it did not fail.
    """

    id: str
    config: Row
    reports: dict[int, Row] = field(default_factory=dict)
    ended: bool = False
    error: str = ""

    def take(self, row: Row) -> None:
        """Note one line."""
        if "config" in row and not self.config:
            self.config = row["config"]
        event = row.get("event", "report")
        if event == "report" and "epoch" in row:
            self.reports[int(row["epoch"])] = row
        self.ended = event in ("end", "error") or (event == "report" and bool(row.get("done")))
        self.error = row.get("error_file", "") if event == "error" else ""


def whole_lines(text: str) -> Iterator[Row]:
    """Yield the lines that are written to their end: the last one may be under way, or one cut by a kill."""
    for line in text.split("\n")[:-1]:
        with suppress(json.JSONDecodeError):
            yield json.loads(line)


def read_journal(folder: Path) -> list[TrialJournal]:
    """Return the trials of a study in the order in which they started.

    Of a study of an earlier version, which has no such file, Tune's own copies are read.
    """
    path = folder / JOURNAL
    if not path.is_file():
        return [_from_tune(path) for path in sorted(folder.glob("*/result.json"))]
    trials: dict[str, TrialJournal] = {}
    for row in whole_lines(path.read_text(encoding="utf-8")):
        if row["event"] != "study":
            trials.setdefault(row["trial"], TrialJournal(row["trial"], {})).take(row)
    return list(trials.values())


def read_known(folder: Path) -> Row:
    """Return what was known before the first trial; empty where that is not told."""
    path = folder / JOURNAL
    rows = whole_lines(path.read_text(encoding="utf-8")) if path.is_file() else iter(())
    return next((row for row in rows if row["event"] == "study"), {})


def _from_tune(path: Path) -> TrialJournal:
    trial = TrialJournal(path.parent.name, {})
    for row in whole_lines(path.read_text(encoding="utf-8")):
        trial.take(row)
    error = path.with_name("error.txt")
    trial.error = str(error) if error.exists() else ""
    return trial
