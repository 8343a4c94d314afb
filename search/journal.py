"""What every trial has reported, written down at once: Tune's own record lies elsewhere until its next copy."""

import json
from pathlib import Path
from typing import Any

from ray.tune import Callback

JOURNAL = "reports.jsonl"


class Journal(Callback):  # type: ignore[misc]
    """Appends each report to a file in its trial's folder.

    Args:
        folder: of the study, on this machine.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Append the report."""
        path = self._folder / trial.trial_id / JOURNAL
        path.parent.mkdir(exist_ok=True)
        row = {key: value for key, value in result.items() if isinstance(value, int | float | str)}
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(row))  # in front, so that a line that was cut short ends there


def read(path: Path) -> list[dict[str, Any]]:
    """Return the reports in a journal, oldest first; a line that was cut short is none."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows
