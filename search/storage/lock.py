"""Whether a search is at work in a study's folder: a lock that the system takes back however the search ends."""

import fcntl
import time
from pathlib import Path
from typing import IO

from train.errors import UsageError

LOCK = ".running"
LOOK_S = 2.0
"""Who only looks has the lock for a moment."""


def hold(folder: Path) -> IO[str]:
    """Mark the study as running until the file that is returned is closed, or its process ends.

    Raises UsageError if another search is at work there: two would write over each other's files.
    """
    file, until = (folder / LOCK).open("a", encoding="utf-8"), time.monotonic() + LOOK_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError as error:
            if time.monotonic() > until:
                file.close()
                raise UsageError(
                    "one search at a time may work on a study",
                    f"another one does in {folder}",
                    "wait for its end, or interrupt it first",
                ) from error
        time.sleep(0.1)


def is_held(folder: Path) -> bool:
    """Tell whether a search is at work there; of one on another machine, only a file system that shares locks tells."""
    path = folder / LOCK
    if not path.exists():
        return False
    with path.open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
