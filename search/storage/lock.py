"""Whether a search is at work in a study's folder: a lock that the system takes back however the search ends."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from train.errors import UsageError
from train.system.files import is_locked, remove_left, take_lock
from train.system.paths import require_folder

LOCK = ".running"
LOOK_S = 2.0
"""Who only looks has the lock for a moment."""


@contextmanager
def sole_search(folder: Path) -> Iterator[None]:
    """Keep any other search from the study while the block runs.

    Raises UsageError for a folder that cannot be written, and as `hold` does.

    A folder that was made for the lock alone is taken away again: a study that was refused leaves its name free.
    """
    require_folder(folder, "--storage")
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    with hold(folder):
        remove_left(folder)
        try:
            yield
        finally:
            if made and [path.name for path in folder.iterdir()] == [LOCK]:
                (folder / LOCK).unlink()
                with suppress(OSError):  # a folder above may hold something by now
                    for path in made:
                        path.rmdir()


def hold(folder: Path) -> IO[str]:
    """Mark the study as running until the file that is returned is closed, or its process ends.

    Raises UsageError if another search is at work there: two would write over each other's files.
    """
    until = time.monotonic() + LOOK_S
    while (file := _locked(folder)) is None:
        if time.monotonic() > until:
            raise UsageError(
                "one search at a time may work on a study",
                f"another one does in {folder}",
                "wait for its end, or interrupt it first",
            )
        time.sleep(0.1)
    return file


def _locked(folder: Path) -> IO[str] | None:
    """Return the study's lock, taken; None if somebody else has it, or took its file away meanwhile."""
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a", encoding="utf-8")
    except FileNotFoundError:  # the folder went away in between
        return None
    try:
        take_lock(file)
        if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None


def is_held(folder: Path) -> bool:
    """Tell whether a search is at work there; of one on another machine, only a file system that shares locks tells."""
    path = folder / LOCK
    if not path.exists():
        return False
    with path.open(encoding="utf-8") as file:
        return is_locked(file)
