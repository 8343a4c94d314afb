"""A trial's checkpoints as Ray keeps them: written whole or not at all, read whole or refused."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pyarrow import fs
from ray import tune
from ray.tune import Checkpoint as Saved

from search.storage.scratch import scratch_folder
from train.checkpoint import Checkpoint, load_checkpoint
from train.errors import CheckpointError, make_storage_error
from train.system.files import write_whole

CHECKPOINT_FOLDER = "checkpoint"
PREFIX = "checkpoint_"


@dataclass(frozen=True)
class TrialFolder:
    """Where a trial's checkpoints lie.

    Attributes:
        scores: of each checkpoint that the trial has reported, by the name of its folder.
    """

    filesystem: fs.FileSystem
    path: str
    scores: Mapping[str, float]

    @property
    def best(self) -> str | None:
        """The name of the checkpoint with the best score of those that are there; None if none is.

        It lies where the report says: Tune's own list lacks the last one of a trial that the deadline ended.
        """
        there = set(list_checkpoints(self.filesystem, self.path))
        return max((name for name in self.scores if name in there), key=self.scores.__getitem__, default=None)

    def read_best(self) -> Checkpoint:
        """Return the checkpoint with the best score; raise CheckpointError if there is none."""
        name = self.best
        if name is None:
            raise CheckpointError(
                "a trial must have left a checkpoint", self.path, "choose another one: results.py show"
            )
        return read_checkpoint(Saved(f"{self.path}/{name}", self.filesystem))


def list_checkpoints(filesystem: fs.FileSystem, folder: str) -> list[str]:
    """Return the names of the checkpoints in a trial's folder, in any order."""
    found = filesystem.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    return [info.base_name for info in found if info.base_name.startswith(PREFIX)]


def read_checkpoint(saved: Saved) -> Checkpoint:
    """Read what `report_with_checkpoint` wrote; raise CheckpointError if any of it is missing or damaged."""
    try:
        with _on_this_machine(saved) as folder:
            return load_checkpoint(folder / CHECKPOINT_FOLDER)
    except FileNotFoundError as error:
        raise CheckpointError("a checkpoint must be there", saved.path, "use an earlier one") from error


@contextmanager
def _on_this_machine(saved: Saved) -> Iterator[Path]:
    """Yield a checkpoint's folder, or a copy of one elsewhere; Ray's own would outlive a process that is killed."""
    if isinstance(saved.filesystem, fs.LocalFileSystem):
        yield Path(saved.path)
        return
    with scratch_folder(str(PurePosixPath(saved.path).parent.parent)) as folder:
        yield Path(saved.to_directory(folder))


def report_with_checkpoint(
    report: Callable[..., Any], metrics: dict[str, Any], checkpoint: Callable[[], Checkpoint], study: str
) -> None:
    """Report an epoch to Ray, which copies its checkpoint into the storage before it goes on.

    A copy that a crash cuts short is never registered, and its digest does not fit when it is read all the same.

    Args:
        report: Ray Tune's, or Ray Train's.
        metrics: of the epoch.
        checkpoint: makes it.
        study: path of the study's folder in its storage.

    Raises:
        StorageError: if the checkpoint cannot be written.
    """
    with _writing("a checkpoint"), scratch_folder(study) as folder:
        checkpoint().save(folder / CHECKPOINT_FOLDER)
        report(metrics, checkpoint=Saved.from_directory(folder))


@contextmanager
def _writing(what: str) -> Iterator[None]:
    """Turn the error of a full or unwritable disk into StorageError."""
    try:
        yield
    except OSError as error:
        raise make_storage_error(error, f"{what} must be written whole", "--resume") from error


MICRO_BATCHES_FILE = "parts.json"


def find_last_whole(filesystem: fs.FileSystem, path: str) -> tuple[Checkpoint | None, str, str]:
    """Return the checkpoint at `path` or, if that is damaged, the last whole one before it, and what was wrong.

    Last stands where it lies. None if there is no whole one: the trial has to begin anew.
    """
    damaged = []
    for name in list_back_from(filesystem, path):
        place = f"{PurePosixPath(path).parent}/{name}"
        try:
            found = read_checkpoint(tune.Checkpoint(place, filesystem))
        except CheckpointError as error:
            damaged.append(f"{name} is damaged ({error.value})")
        else:
            return found, describe_damage(damaged, f"goes on from {name}, epoch {found.epoch}"), place
    return None, describe_damage(damaged, "begins anew"), ""


def describe_damage(damaged: list[str], instead: str) -> str:
    """Return the note on damaged checkpoints; empty if there are none."""
    return f"{'; '.join(damaged)}: {instead}" if damaged else ""


def list_back_from(filesystem: fs.FileSystem, path: str) -> list[str]:
    """Return the name of the checkpoint at `path` and of those before it, the newest first."""
    place = PurePosixPath(path)
    earlier = [name for name in list_checkpoints(filesystem, str(place.parent)) if name < place.name]
    return [place.name, *sorted(earlier, reverse=True)]


def read_micro_batches(filesystem: fs.FileSystem, folder: str) -> int:
    """Return in how many micro-batches a trial computes its batches, as far as it is known."""
    kept = read_kept(filesystem, f"{folder}/{MICRO_BATCHES_FILE}")
    return 1 if kept is None else int(kept["parts"])


def write_micro_batches(filesystem: fs.FileSystem, folder: str, micro_batches: int) -> None:
    """Write down that a trial's next attempt needs so many micro-batches; raise StorageError where that cannot be."""
    write_kept(filesystem, f"{folder}/{MICRO_BATCHES_FILE}", {"parts": micro_batches})


def read_kept(filesystem: fs.FileSystem, path: str) -> dict[str, Any] | None:
    """Return what `write_kept` wrote; None where it has not."""
    if filesystem.get_file_info(path).type == fs.FileType.NotFound:
        return None
    with filesystem.open_input_stream(path) as file:
        found: dict[str, Any] = json.loads(file.read())
    return found


def write_kept(filesystem: fs.FileSystem, path: str, value: Mapping[str, Any]) -> None:
    """Write into a trial's folder, whole, what its next attempt goes on with; raise StorageError where it cannot be."""
    content = json.dumps(value).encode()
    with _writing("what a trial goes on with"):
        if isinstance(filesystem, fs.LocalFileSystem):
            write_whole(Path(path), content, durable=True)
            return
        filesystem.create_dir(str(PurePosixPath(path).parent))
        with filesystem.open_output_stream(path) as file:  # it appears when it is closed
            file.write(content)
