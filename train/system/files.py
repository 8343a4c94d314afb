"""Files and folders that appear whole: a reader finds the old one or the new one, also after a kill in between.

They are written beside their place, under a hidden name that ends in `.partial`, and renamed. After a power cut a
file may still be empty, unless it is `durable`: its writer waits until the disk has it (fsync).
"""

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from train.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Kind = TypeVar("Kind")
KINDS: dict[type, str] = {dict: "an object", list: "a list"}
LOCK = ".lock"
PARTIAL, DIGITS, LEFT_S = ".partial", 8, 3600.0
"""How a draft's name ends, after so many hexadecimal digits, and after how long without a change it may be removed."""
AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""Of Linux's `renameat2`."""
WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What a file system says that has no locks, as some network's have none."""
WITHOUT_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
"""What a file system says that cannot wait for its disk, as some network's cannot for a folder."""


def write_whole(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write bytes, or a text as UTF-8, in place of what was there."""
    with replace_file(path, durable=durable) as draft:
        draft.write_bytes(_encoded(content))


def read_json(path: Path, remedy: str, kind: type[Kind]) -> Kind:
    """Return what a JSON file of a run holds.

    Args:
        path: the file.
        remedy: what to do where it is damaged.
        kind: dict or list.

    Raises:
        CheckpointError: it is no JSON, or holds something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise _damaged(path, error, remedy) from error
    if not isinstance(found, kind):
        raise _damaged(path, f"{json.dumps(found):.40}, not {KINDS[kind]}", remedy)
    return found


def read_valid(path: Path, remedy: str, adapter: "TypeAdapter[Kind]") -> Kind:
    """Return what a JSON file of a run holds, as pydantic knows it; raises as `read_json`."""
    try:
        return adapter.validate_json(path.read_bytes())
    except ValueError as error:
        raise _damaged(path, " ".join(str(error).split())[:120], remedy) from error


def _damaged(path: Path, found: object, remedy: str) -> CheckpointError:
    return CheckpointError("what a run or study has kept must be whole", f"{path}: {found}", remedy)


def digest_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_output(path: Path, text: str, option: str) -> None:
    """Write the file that an option names, and its folder; raise UsageError if that cannot be.

    Halves of characters, which labels may hold, are written as they are.
    """
    content = text.encode(errors="surrogatepass")
    try:
        if path.exists() and not path.is_file():  # a terminal or a pipe
            path.write_bytes(content)
        else:
            write_whole(path, content)
    except OSError as error:
        found = f"{path}: {error.strerror or error}"
        raise UsageError(f"{option} must be a file that can be written", found, "name another one") from error


def write_new(path: Path, content: str | bytes) -> None:
    """Write bytes, or a text as UTF-8; raise FileExistsError where there is a file."""
    draft = _beside(path)
    try:
        draft.write_bytes(_encoded(content))
        os.link(draft, path)  # unlike a rename, it never takes the place of another file
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def replace_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield the path of a draft, which takes the file's place at the end; after an error it is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _beside(path)
    try:
        yield draft
        if durable:
            _synchronise(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    if durable:
        _synchronise(path.parent)


def remove_durably(path: Path) -> None:
    """Remove a file that may be missing; it stays removed after a power cut."""
    path.unlink(missing_ok=True)
    _synchronise(path.parent)


@contextmanager
def locked(folder: Path, name: str = LOCK, *, wait: bool = True) -> Iterator[None]:
    """Hold a folder against all other threads and processes, or wait for them. A process that dies lets go.

    Raises as `take_lock` does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as file:
        take_lock(file, wait=wait)
        yield


def take_lock(file: IO[str], *, wait: bool = False) -> None:
    """Lock a file until it is closed, or wait for it: then several do write what it guards.

    On a file system without locks `wait` raises UsageError; who does not wait goes on, and that is said.
    Raises BlockingIOError without `wait`, where another one has it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
        folder = os.path.dirname(os.path.abspath(file.name))
        if wait:
            raise UsageError(
                "what several processes write must be on a file system with locks",
                f"{folder}: {error.strerror}",
                "choose a folder on another one",
            ) from error
        said = f"{folder}: its file system has no locks; see to it that nothing else writes there meanwhile"
        print(said, file=sys.stderr, flush=True)


@contextmanager
def replace_folder(directory: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield an empty folder, which takes the place of what is there at the end; after an error it is removed."""
    with _draft_folder(directory) as draft:
        yield draft
        for path in (*draft.rglob("*"), draft) if durable else ():
            _synchronise(path)
        old = _beside(directory)
        if not _exchange(draft, directory):
            if directory.exists():  # a kill in between leaves both under hidden names
                os.replace(directory, old)
            os.replace(draft, directory)
        if durable:
            _synchronise(directory.parent)
        shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names at one moment; return whether it was done: Linux can, on most file systems, if both are there."""
    swap = getattr(ctypes.CDLL(None), "renameat2", None)
    names = os.fsencode(one), os.fsencode(other)
    return swap is not None and swap(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0


@contextmanager
def make_folder(directory: Path) -> Iterator[Path]:
    """Yield an empty folder, which appears as `directory` at the end; after an error it is removed.

    Raises OSError if there is a folder by then with anything in it.
    """
    with _draft_folder(directory) as draft:
        yield draft
        draft.rename(directory)


@contextmanager
def _draft_folder(directory: Path) -> Iterator[Path]:
    draft = _beside(directory)
    draft.mkdir(parents=True)
    held = os.open(draft, os.O_RDONLY)
    try:
        mark_in_use(held)
        yield draft
    finally:
        os.close(held)
        shutil.rmtree(draft, ignore_errors=True)


def mark_in_use(draft: int) -> None:
    """Keep a draft that takes long from `remove_left` until it is closed; where there are no locks, its age alone does.

    `draft` is the file as it is written: on some file systems no other way to it can write what is locked.
    """
    with suppress(OSError):
        fcntl.flock(draft, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove_left(folder: Path) -> None:
    """Remove the drafts in a folder that killed processes left: not changed for LEFT_S, and not in use."""
    for draft in folder.glob(f".*.{'[0-9a-f]' * DIGITS}{PARTIAL}"):
        with suppress(OSError):
            changed = max(path.lstat().st_mtime for path in (draft, *draft.rglob("*")))
            if time.time() - changed > LEFT_S and not _is_in_use(draft):
                shutil.rmtree(draft) if draft.is_dir() else draft.unlink()


def _is_in_use(draft: Path) -> bool:
    """Tell whether a process holds a draft: one that slept with its machine may not have changed it for long."""
    held = os.open(draft, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return is_locked(held)
    finally:
        os.close(held)


def is_locked(file: int | IO[str]) -> bool:
    """Tell whether another process holds the lock of an open file; never where the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno not in WITHOUT_LOCKS:
            raise
    return False


def require_room(folder: Path, needed: int) -> None:
    """Raise OSError, as a full disk does, where so many bytes cannot be had: libraries have other words for it."""
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def _beside(path: Path) -> Path:
    """Return a name of its own for every draft: several processes may write the same file."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:DIGITS]}{PARTIAL}")


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _synchronise(path: Path) -> None:
    """Wait until the disk has a file's content, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in WITHOUT_SYNC:
            raise
    finally:
        os.close(descriptor)
