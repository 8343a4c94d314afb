"""Whether a search is at work in a study's folder: a lock that the system takes back however the search ends."""

import fcntl
from contextlib import suppress
from pathlib import Path
from typing import IO

LOCK = ".running"


def hold(folder: Path) -> IO[str]:
    """Mark the study as running until the file that is returned is closed, or its process ends."""
    file = (folder / LOCK).open("a", encoding="utf-8")
    with suppress(BlockingIOError):  # another search has it: the study is running either way
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


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
