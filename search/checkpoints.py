"""A trial's checkpoints as Ray keeps them: written whole or not at all, read whole or refused."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyarrow import fs
from ray.train.constants import CHECKPOINT_DIR_NAME
from ray.tune import Checkpoint as Saved

from train.checkpoint import Checkpoint, load_checkpoint
from train.errors import CheckpointError, StorageError

CHECKPOINT_FOLDER = "checkpoint"
PREFIX = "checkpoint_"


@dataclass(frozen=True)
class TrialFolder:
    """Where a trial's checkpoints lie, and what it has reported of them.

    Attributes:
        reports: an epoch each, as `search.journal` has them.
    """

    filesystem: fs.FileSystem
    path: str
    reports: Iterable[Mapping[str, Any]]

    @property
    def best(self) -> str | None:
        """The name of the checkpoint with the best score of those that are there; None if none is.

        It lies where the report says: Tune's own list lacks the last one of a trial that the deadline ended.
        """
        there = set(checkpoint_names(self.filesystem, self.path))
        saved = [report for report in self.reports if report.get(CHECKPOINT_DIR_NAME) in there]
        best = max(saved, key=lambda report: float(report["score"]), default=None)
        return None if best is None else str(best[CHECKPOINT_DIR_NAME])

    def read_best(self) -> Checkpoint:
        """Return the checkpoint with the best score; raise CheckpointError if there is none."""
        name = self.best
        if name is None:
            raise CheckpointError(
                "a trial must have left a checkpoint", self.path, "choose another one: results.py show"
            )
        return read_checkpoint(Saved(f"{self.path}/{name}", self.filesystem))


def checkpoint_names(filesystem: fs.FileSystem, folder: str) -> list[str]:
    """Return the names of the checkpoints in a trial's folder, in any order."""
    found = filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    return [info.base_name for info in found if info.base_name.startswith(PREFIX)]


def read_checkpoint(saved: Saved) -> Checkpoint:
    """Read what `report_with_checkpoint` wrote; raise CheckpointError if any of it is missing or damaged."""
    try:
        with saved.as_directory() as folder:
            return load_checkpoint(Path(folder) / CHECKPOINT_FOLDER)
    except FileNotFoundError as error:
        raise CheckpointError("a checkpoint must be there", saved.path, "use an earlier one") from error


def report_with_checkpoint(
    report: Callable[..., Any], metrics: dict[str, Any], checkpoint: Callable[[], Checkpoint]
) -> None:
    """Report an epoch to Ray, which copies its checkpoint into the storage before it goes on.

    A copy that a crash cuts short is never registered, and its digest gives it away to whoever reads it all the same.

    Raises:
        StorageError: if the checkpoint cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            checkpoint().save(Path(folder) / CHECKPOINT_FOLDER)
            report(metrics, checkpoint=Saved.from_directory(folder))
    except OSError as error:
        raise StorageError(
            "a checkpoint must be written whole",
            error,
            "make room, or make the storage writable, and --resume",
        ) from error
