"""Folders for what a process writes for a moment: they go with it, also where it is killed."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from train.system.paths import PROGRAM


@contextmanager
def scratch_folder(search: str) -> Iterator[Path]:
    """Yield an empty folder, which is removed at the end; first remove those that killed processes of the search left.

    Its process holds a lock on it, which the system takes back however it ends. On a file system without locks nothing
    of others is removed.

    Args:
        search: where its study lies, which tells its folders from those of others.
    """
    prefix = f"{PROGRAM}-{hashlib.blake2b(os.fsencode(search), digest_size=8).hexdigest()}-"
    _remove_left(prefix)
    hidden = Path(tempfile.mkdtemp(prefix=f".{prefix}"))
    held = os.open(hidden, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder = hidden.rename(hidden.with_name(hidden.name[1:]))  # nobody sees it without its lock
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def _remove_left(prefix: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        try:
            held = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:  # gone by now, or another user's
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # its process lives, or there are no locks
            pass
        finally:
            os.close(held)
