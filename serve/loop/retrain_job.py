"""A retraining as a job of its own: trains, reads the held-back lines with both models, and compares them.

    python serve/loop/retrain_job.py FOLDER

It runs `job.json`'s steps, which are the project's own command lines, so no framework is imported here. What it
leaves is `state.json`, rewritten as it goes, and each step's output.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])  # not this folder: its files shadow others

from serve.loop.jobs import CLUSTER
from serve.loop.retrain_plan import ROOT
from serve.loop.verdict import compare, describe_scores
from train.errors import ModelError
from train.system.files import write_whole

STATE, JOB = "state.json", "job.json"
RUNNING, FINISHED, FAILED = "running", "finished", "failed"
EPOCH = re.compile(r"epoch\s+(\d+)/(\d+)")


def main(arguments: Sequence[str]) -> int:
    """Run a retraining's steps; a step that fails ends it, and its error becomes the message."""
    folder = Path(arguments[0])
    job = json.loads((folder / JOB).read_bytes())
    os.nice(10)  # what is served goes first
    if cluster := os.environ.get(CLUSTER):
        os.environ["RAY_ADDRESS"] = cluster
    begin = 0.0
    for step in job["steps"]:
        status = _run(step, begin, job["seconds"], folder)
        if status:
            write_state(
                folder, FAILED, begin, f"{step['name']}: {find_reason(folder, step['output'], status)}"
            )
            return status
        if step["leaves"] and not Path(step["leaves"]).is_dir():
            write_state(folder, FAILED, begin, f"{step['name']}: no model came of it; give it more time")
            return ModelError.exit_status
        begin = step["end"]
    scores = compare(folder)
    write_state(folder, FINISHED, 1.0, describe_scores(scores), scores=scores)
    return 0


def _run(step: dict[str, Any], begin: float, seconds: float | None, folder: Path) -> int:
    """Run one step and write its progress at every line that it prints; return its exit status."""
    write_state(folder, RUNNING, begin, step["name"])
    started = time.monotonic()
    with (
        (folder / step["output"]).open("w", encoding="utf-8") as output,
        (folder / "errors.txt").open("a", encoding="utf-8") as errors,
        subprocess.Popen(
            step["command"], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, errors="replace"
        ) as process,
    ):
        for line in _read_lines(process):
            output.write(line)
            output.flush()
            if done := read_progress(line, time.monotonic() - started, seconds):
                write_state(
                    folder, RUNNING, begin + done * (step["end"] - begin), f"{step['name']}: {line.strip()}"
                )
    return process.returncode


def _read_lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    if process.stdout is None:
        raise ModelError("a step must have an output", process.args, "report this")
    return iter(process.stdout.readline, "")


def read_progress(line: str, elapsed_s: float, seconds: float | None) -> float | None:
    """Return the share of the training in [0, 1] that is done after a line of its output; None if it tells none."""
    epoch = EPOCH.search(line)
    if epoch is None:
        return None
    return int(epoch[1]) / int(epoch[2]) if seconds is None else min(1.0, elapsed_s / seconds)


def write_state(folder: Path, state: str, progress: float, message: str, **more: Any) -> None:
    """Write the state of the retraining and how far it is."""
    fields = {"state": state, "progress": round(progress, 3), "message": message, **more}
    write_whole(folder / STATE, json.dumps(fields), durable=True)


def find_reason(folder: Path, output: str, status: int) -> str:
    """Return the last line, or the last error, that a failed step printed."""
    printed = [
        line
        for name in (output, "errors.txt")
        for line in (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip()
    ]
    errors = [line for line in printed if line.startswith("error: ")]
    return (errors or printed or [f"exit status {status}"])[-1].removeprefix("error: ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
