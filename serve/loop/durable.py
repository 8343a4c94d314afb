"""Files that several processes share: written whole or not at all, and changed by one of them at a time."""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".lock"


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` so that a reader, or a power cut, finds the old file or the whole new one."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    _sync_names(path.parent)


def remove(path: Path) -> None:
    """Remove a file that may be missing, for good even if the power fails."""
    path.unlink(missing_ok=True)
    _sync_names(path.parent)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` against all other threads and processes; waits for them, and a dead one holds nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sync_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
