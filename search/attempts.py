"""Where a trial starts from: its last whole checkpoint, and in how many parts a batch fits into memory."""

import json
from dataclasses import dataclass
from pathlib import PurePosixPath

from pyarrow import fs
from ray import tune

from search.checkpoints import checkpoint_names, read_checkpoint
from train.checkpoint import Checkpoint
from train.errors import CheckpointError

PARTS_FILE = "parts.json"


@dataclass(frozen=True)
class Start:
    """What a trial, or a further attempt at one, begins with.

    Attributes:
        checkpoint: to go on from; None to begin anew.
        parts: of every batch.
        note: what was wrong with later checkpoints; empty for nothing.
        path: of the checkpoint; empty for none.
    """

    checkpoint: Checkpoint | None
    parts: int
    note: str = ""
    path: str = ""


def find_start() -> Start:
    """Return what this trial begins with; call it inside a Tune function."""
    saved = tune.get_checkpoint()
    storage = tune.get_context().get_storage()
    parts = read_parts(storage.storage_filesystem, storage.trial_fs_path)
    if saved is None:
        return Start(None, parts)
    checkpoint, note, path = last_whole(saved.filesystem, saved.path)
    kept = int(checkpoint.metrics.get("parts", 1)) if checkpoint else 1
    return Start(checkpoint, max(parts, kept), note, path)


def last_whole(filesystem: fs.FileSystem, path: str) -> tuple[Checkpoint | None, str, str]:
    """Return the checkpoint at `path` or, if that is damaged, the last whole one before it, and what was wrong.

    Last stands where it lies. None if there is no whole one: the trial has to begin anew.
    """
    damaged = []
    for name in candidates(filesystem, path):
        place = f"{PurePosixPath(path).parent}/{name}"
        try:
            found = read_checkpoint(tune.Checkpoint(place, filesystem))
        except CheckpointError as error:
            damaged.append(f"{name} is damaged ({error.value})")
        else:
            return found, told(damaged, f"goes on from {name}, epoch {found.epoch}"), place
    return None, told(damaged, "begins anew"), ""


def told(damaged: list[str], instead: str) -> str:
    """Return the note on damaged checkpoints; empty if there are none."""
    return f"{'; '.join(damaged)}: {instead}" if damaged else ""


def candidates(filesystem: fs.FileSystem, path: str) -> list[str]:
    """Return the name of the checkpoint at `path` and of those before it, the newest first."""
    place = PurePosixPath(path)
    earlier = [name for name in checkpoint_names(filesystem, str(place.parent)) if name < place.name]
    return [place.name, *sorted(earlier, reverse=True)]


def read_parts(filesystem: fs.FileSystem, folder: str) -> int:
    """Return in how many parts a trial's batches fit into memory, as far as it is known."""
    path = f"{folder}/{PARTS_FILE}"
    if filesystem.get_file_info(path).type == fs.FileType.NotFound:
        return 1
    with filesystem.open_input_stream(path) as file:
        return int(json.loads(file.read())["parts"])


def write_parts(filesystem: fs.FileSystem, folder: str, parts: int) -> None:
    """Write down that a trial's next attempt needs so many parts."""
    filesystem.create_dir(folder)
    with filesystem.open_output_stream(f"{folder}/{PARTS_FILE}") as file:
        file.write(json.dumps({"parts": parts}).encode())


def set_parts(parts: int) -> None:
    """Write down for this trial's further attempts that it needs so many parts; call it inside a Tune function."""
    storage = tune.get_context().get_storage()
    write_parts(storage.storage_filesystem, storage.trial_fs_path, parts)
