"""reports.jsonl: what every trial of a study has reported so far, written as it happens.

Tune keeps its own record elsewhere until its next copy; a running study is looked at sooner, and a killed one goes on.
A line that a kill or a full disk cut short is none, and is never joined with the next.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from ray.tune import Callback

from search.storage.files import JOURNAL

Row = dict[str, Any]


class Journal(Callback):
    """Appends a line for everything that becomes of a trial.

    Args:
        path: of the file; a resumed study goes on with it.
        study: what is known of the study before the first trial.
    """

    def __init__(self, path: Path, study: Row) -> None:
        self._path = path
        self._write({"event": "study", **study})

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note what is tried."""
        self._write({"event": "start", "trial": trial.trial_id, "config": trial.config})

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Note the report."""
        self._write({"event": "report", "trial": trial.trial_id, **keep_plain(result)})

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that it will report no more."""
        self._write({"event": "end", "trial": trial.trial_id})

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that it failed."""
        self._write({"event": "error", "trial": trial.trial_id, "error_file": str(trial.error_file)})

    def _write(self, row: Row) -> None:
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
        with self._path.open("ab+") as file:
            file.write(b"\n" + line if ends_in_a_cut_line(file) else line)


def ends_in_a_cut_line(file: BinaryIO) -> bool:
    """Return whether a file's last line lacks its end."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def keep_plain(result: Mapping[str, Any]) -> Row:
    """Return the finite numbers, texts and truth values of a report, which are all that JSON takes."""
    plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in result.items()}
    return {
        key: value
        for key, value in plain.items()
        if isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
    }


@dataclass
class TrialJournal:
    """What is known of one trial.

    Attributes:
        rows: its reports in the order in which they came (`search/records/trial_report.py` reads them).
        ended: it will report no more.
        error: where its error stands; empty if it did not fail.
    """

    id: str
    config: Row
    rows: list[Row] = field(default_factory=list)
    ended: bool = False
    error: str = ""

    def take(self, row: Row) -> None:
        """Note one line."""
        if "config" in row and not self.config:
            self.config = row["config"]
        event = row.get("event", "report")
        if event == "report":
            self.rows.append(row)
        self.ended = event in ("end", "error") or (event == "report" and bool(row.get("done")))
        self.error = row.get("error_file", "") if event == "error" else ""


def read_whole_lines(content: bytes) -> Iterator[Row]:
    """Yield the lines that are written to their end: the last one may be under way, and any one cut by a kill."""
    for line in content.split(b"\n")[:-1]:
        with suppress(ValueError):
            yield json.loads(line.decode("utf-8", "surrogatepass"))


def read_journal(folder: Path) -> list[TrialJournal]:
    """Return the trials of a study in the order in which they started.

    Of a study of an earlier version, which has no such file, Tune's own copies are read.
    """
    path = folder / JOURNAL
    if not path.is_file():
        return [_from_tune(path) for path in sorted(folder.glob("*/result.json"))]
    trials: dict[str, TrialJournal] = {}
    for row in read_whole_lines(path.read_bytes()):
        if row["event"] != "study":
            trials.setdefault(row["trial"], TrialJournal(row["trial"], {})).take(row)
    return list(trials.values())


def read_study_event(folder: Path) -> Row:
    """Return what the journal says of the study before its first trial; empty if it says nothing."""
    path = folder / JOURNAL
    rows = read_whole_lines(path.read_bytes()) if path.is_file() else iter(())
    return next((row for row in rows if row["event"] == "study"), {})


def _from_tune(path: Path) -> TrialJournal:
    trial = TrialJournal(path.parent.name, {})
    for row in read_whole_lines(path.read_bytes()):
        trial.take(row)
    error = path.with_name("error.txt")
    trial.error = str(error) if error.exists() else ""
    return trial
