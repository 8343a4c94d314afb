"""A trial's checkpoints as Ray keeps them: written whole or not at all, read whole or refused."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune import Checkpoint as Saved

from train.checkpoint import Checkpoint, load_checkpoint
from train.errors import CheckpointError, StorageError

CHECKPOINT_FOLDER = "checkpoint"


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
