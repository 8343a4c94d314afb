"""Retrainings on the corrections: they are started here, and their state is read; all of it lies in files.

A retraining is a folder: `job.json` says what was asked for, `data/` is a frozen copy of the corrections, and
`state.json` is written by the Ray job that does the work (`serve/loop/retrain_job.py`). So nothing is lost with the
server, and what came of a retraining can be read without a cluster.
"""

import json
import re
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from serve.errors import BusyError, ConflictError, UnknownError
from serve.loop.corrections import Correction, CorrectionStore
from serve.loop.files import read_fields
from serve.loop.general import find_general
from serve.loop.holdout import UsedLines, hold_out
from serve.loop.jobs import UNKNOWN, Jobs, RayJobs
from serve.loop.retrain_job import FAILED, FINISHED, JOB, RUNNING, STATE, write_state
from serve.loop.retrain_plan import ROOT, RetrainRequest, find_start, plan_job
from serve.loop.versions import UNNAMED, Versions
from train.system.files import locked, write_whole

TASK = "recognition"
LEAST_CORRECTIONS = 10
QUEUED, STOPPED = "queued", "stopped"
UNDER_WAY = frozenset({QUEUED, RUNNING})
ID = re.compile(r"\d{8}-\d{6}-\d{6}", re.ASCII)
SPLIT = "split.json"
KEPT = ("created", "start", "lines", "request", "serving", "bundle")
STATED = ("state", "progress", "message")
"""Fields that a retraining's files have, whichever version wrote them."""
SUBMITTED_S = 60
STOPPING_S = 15
# Ray's state of a job whose `state.json` has no end yet, as ours; any other state means that it failed.
OF_JOB = {"PENDING": QUEUED, "RUNNING": RUNNING, "STOPPED": STOPPED}


@dataclass(frozen=True)
class Status:
    """The state of a retraining.

    Attributes:
        state: queued, running, finished, failed or stopped.
        progress: in [0, 1].
        message: the step that runs, the comparison of the models, or why it failed.
        scores: of both models on the held-back and the general lines (`verdict.compare`); None before its end.
        can_promote: the new model is better than the one that serves now, and reads what it read.
        created: UTC, ISO 8601.
        start: which weights it began with.
        lines: how many corrections it trains on, picks its best epoch by, and holds back.
        request: the form.
    """

    id: str
    state: str
    progress: float
    message: str
    scores: dict[str, Any] | None
    can_promote: bool
    created: str
    start: str
    lines: dict[str, int]
    request: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as a mapping."""
        return asdict(self)


class Retrainings:
    """The retrainings in a folder; any number of processes may use it at a time."""

    def __init__(
        self,
        folder: Path,
        corrections: CorrectionStore,
        versions: Versions,
        jobs: Jobs | None = None,
        general_labels: Path | None = None,
    ) -> None:
        """Use `folder`.

        Args:
            folder: of the retrainings; made with the first one.
            corrections: what is learnt.
            versions: what serves.
            jobs: the job server; None for that of the Ray cluster which this process is in.
            general_labels: lines that show what is forgotten (`serve/loop/general.py`); None to draw them.
        """
        self._folder, self._corrections, self._versions = folder.resolve(), corrections, versions
        self._jobs, self._general_labels = jobs or RayJobs(), general_labels

    def start(self, request: RetrainRequest) -> str:
        """Start a retraining on the corrections as they are now; return its id.

        Raises:
            ConflictError: with too few corrections, or while another retraining is under way.
            BusyError: if the cluster takes no jobs.
        """
        self._require_corrections()
        with locked(self._folder):
            self._remove_left()
            if not request.parallel:
                self._require_none_under_way()
            now = datetime.now(UTC)
            key = f"{now:%Y%m%d-%H%M%S-%f}"
            folder = self._folder / key
            try:
                self._prepare(folder, request, now.isoformat(timespec="seconds"))
                script = [sys.executable, str(ROOT / "serve" / "loop" / "retrain_job.py"), str(folder)]
                self._jobs.submit(_make_job_name(key), script, {"PYTHONPATH": str(ROOT)})
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        return key

    def status(self, key: str) -> Status:
        """Return the state of a retraining; raise UnknownError if there is none of that id."""
        if not ID.fullmatch(key) or not (self._folder / key / JOB).is_file():
            raise UnknownError("a retraining must exist", repr(key), "list them with GET /api/retrain")
        job = read_fields(self._folder / key / JOB, KEPT)
        state = self._find_state(key)
        scores = state.get("scores")
        return Status(
            id=key,
            state=state["state"],
            progress=state["progress"],
            message=state["message"],
            scores=scores,
            # an earlier server's verdict is by the held-back lines alone
            can_promote=bool(scores and scores["better"] and scores.get("kept", True))
            and self._still_serves(job),
            created=job["created"],
            start=job["start"],
            lines=job["lines"],
            request=job["request"],
        )

    def all(self) -> list[Status]:
        """Return the states of all retrainings, the newest first."""
        return [self.status(key) for key in sorted(self._keys(), reverse=True)]

    def cancel(self, key: str) -> Status:
        """End a retraining that is under way; raise ConflictError if it has ended."""
        status, name = self.status(key), _make_job_name(key)
        if status.state not in UNDER_WAY:
            raise ConflictError("a cancelled retraining must be under way", status.state, "leave it")
        self._jobs.stop(name)
        until = time.monotonic() + STOPPING_S
        while OF_JOB.get(self._jobs.state(name)[0]) in UNDER_WAY:
            if time.monotonic() > until:
                raise BusyError("a retraining must end when it is told to", "not yet", "try again")
            time.sleep(0.1)
        if self._read_state(key)["state"] in UNDER_WAY:  # it may have ended just before
            write_state(self._folder / key, STOPPED, status.progress, "cancelled")
        return self.status(key)

    def bundle(self, key: str, force: bool = False) -> Path:
        """Return the bundle of a retraining that can be promoted; raise ConflictError if it cannot be.

        Args:
            key: of the retraining.
            force: whatever the verdict; it must have finished.
        """
        status = self.status(key)
        job = read_fields(self._folder / key / JOB, KEPT)
        if not status.can_promote and not (force and status.state == FINISHED):
            outdated = status.state == FINISHED and not self._still_serves(job)
            finished = "retrain again, or send force=true"
            raise ConflictError(
                "a promoted model must be better than the one that serves, and read what that reads",
                "another model serves since they were compared"
                if outdated
                else f"{status.state}: {status.message}",
                finished if status.state != RUNNING else "wait for its end",
            )
        return Path(job["bundle"])

    def _keys(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return [p.name for p in self._folder.iterdir() if ID.fullmatch(p.name) and (p / JOB).is_file()]

    def _remove_left(self) -> None:
        """Remove what a server that was killed had prepared of a retraining; call it where nobody else prepares one."""
        for left in self._folder.iterdir():
            if ID.fullmatch(left.name) and not (left / JOB).exists():
                shutil.rmtree(left, ignore_errors=True)

    def _find_state(self, key: str) -> dict[str, Any]:
        """Return the state that the job wrote; if it ended without writing its end, the cluster's state of it."""
        state = self._read_state(key)
        if state["state"] not in UNDER_WAY:
            return state
        try:
            found, message = self._jobs.state(_make_job_name(key))
        except BusyError:
            return state
        if found == UNKNOWN and self._is_about_to_begin(self._folder / key / JOB):
            return state
        now = OF_JOB.get(found, FAILED)
        if now in UNDER_WAY:
            return state
        state = self._read_state(key)  # it may have ended since it was read
        return (
            state if state["state"] not in UNDER_WAY else {**state, "state": now, "message": message or found}
        )

    def _is_about_to_begin(self, job: Path) -> bool:
        """Return whether a retraining may still be submitted: its file was written just now, for this cluster."""
        fresh = time.time() - job.stat().st_mtime < SUBMITTED_S
        return fresh and read_fields(job).get("cluster") == self._jobs.cluster()

    def _read_state(self, key: str) -> dict[str, Any]:
        try:
            return read_fields(self._folder / key / STATE, STATED)
        except FileNotFoundError:
            return {"state": QUEUED, "progress": 0.0, "message": "waits for the cluster"}

    def _prepare(self, folder: Path, request: RetrainRequest, created: str) -> None:
        """Write everything that the job needs; `job.json` last: with it, the retraining exists."""
        version = self._versions.current(TASK) or self._versions.begin(TASK, UNNAMED[TASK])
        start = find_start(version, request.model)
        splits = self._freeze(folder)
        corrected = {line.text for lines in splits.values() for line in lines}
        general = find_general(folder, self._general_labels, start.model_served, corrected)
        lines = {name: len(part) for name, part in splits.items()}
        plan = plan_job(request, start, folder, sum(lines.values()), general)
        job = {
            **plan,
            "created": created,
            "cluster": self._jobs.cluster(),
            "request": request.model_dump(mode="json"),
            "start": start.message,
            "serving": version.version,
            "lines": lines,
        }
        write_whole(folder / JOB, json.dumps(job, indent=1), durable=True)

    def _freeze(self, folder: Path) -> dict[str, list[Correction]]:
        """Copy the corrections into `data/train`, `val` and `test`; return the lines of each."""
        data = folder / "data"
        data.mkdir(parents=True)
        splits = hold_out(self._corrections.snapshot(data), *self._read_used_lines())
        for name, lines in splits.items():
            (data / name).mkdir()
            for file in (f"{line.id}{suffix}" for line in lines for suffix in (".json", ".png")):
                (data / file).rename(data / name / file)
        split = {name: [[line.id, line.text] for line in lines] for name, lines in splits.items()}
        write_whole(folder / SPLIT, json.dumps(split), durable=True)
        return splits

    def _read_used_lines(self) -> tuple[UsedLines, UsedLines]:
        """Return the lines that earlier retrainings learnt from, and those they held back; failed ones do not count."""
        learnt: list[list[str]] = []
        held: list[list[str]] = []
        for key in self._keys():
            if self._find_state(key)["state"] not in (FAILED, STOPPED):
                split = read_fields(self._folder / key / SPLIT, ("train", "val", "test"))
                learnt += split["train"] + split["val"]
                held += split["test"]
        first, second = (
            UsedLines(frozenset(key for key, _ in lines), frozenset(text for _, text in lines))
            for lines in (learnt, held)
        )
        return first, second

    def _still_serves(self, job: Mapping[str, Any]) -> bool:
        """Return whether the model that the new one was compared with still serves."""
        current = self._versions.current(TASK)
        return current is not None and current.version == job["serving"]

    def _require_corrections(self) -> None:
        count = self._corrections.count()
        if count < LEAST_CORRECTIONS:
            raise ConflictError(
                f"a retraining needs at least {LEAST_CORRECTIONS} corrections",
                count,
                f"correct {LEAST_CORRECTIONS - count} more lines",
            )

    def _require_none_under_way(self) -> None:
        if busy := [status.id for status in self.all() if status.state in UNDER_WAY]:
            raise ConflictError(
                "one retraining runs at a time", f"{busy[0]} under way", "wait for it, or send parallel=true"
            )


def _make_job_name(key: str) -> str:
    return f"retrain-{key}"
