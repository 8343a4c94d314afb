"""Images cut out of photos or lying inside other files: written once, to a cache folder under a digest's name."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from train.data.folders.notes import note
from train.errors import DataError
from train.system.files import make_folder, remove_left
from train.system.paths import find_users_cache, make_temporary_folder

_chosen: ContextVar[Path | None] = ContextVar("cache", default=None)


def unpack(sources: Iterable[Path], key: str, make: Callable[[], Iterator[tuple[str, bytes]]]) -> Path:
    """Return the folder with the files that are made of `sources`, by this run or an earlier one.

    It appears whole or not at all, is never changed, and belongs to every process: two that make it at once get one.

    Args:
        sources: the files it is made of; another path, size or time of one of them means another folder.
        key: what else decides what is made, such as the version of the rule.
        make: yields (file name, content); called only where the folder is missing.

    Raises:
        DataError: there is no room for it.
    """
    folder = cache_folder() / _digest(sources, key)
    if not folder.is_dir():
        _write(folder, make)
    return folder


@contextmanager
def caching_in(folder: Path | None) -> Iterator[None]:
    """Keep what is unpacked inside in this folder (`--cache`); None for the user's cache."""
    token = _chosen.set(folder)
    try:
        yield
    finally:
        _chosen.reset(token)


def cache_folder() -> Path:
    """Return the folder to keep things in: the chosen one, else the user's cache, else one for temporary files."""
    chosen = _chosen.get()
    if chosen is not None:
        return chosen.absolute() / "unpacked"
    usual = find_users_cache()
    usual = usual and usual / "unpacked"
    if usual is not None and _writable(usual):
        return usual
    folder = make_temporary_folder()
    note(f"images are unpacked into {folder}: {usual or 'the home folder'} cannot be written")
    return folder


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _digest(sources: Iterable[Path], key: str) -> str:
    whole = hashlib.blake2b(repr(key).encode(), digest_size=16)
    for path in sources:
        try:
            found = path.stat()
            facts = (str(path.absolute()), found.st_size, found.st_mtime_ns)
        except OSError:
            facts = (str(path.absolute()), 0, 0)
        whole.update(repr(facts).encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def _write(folder: Path, make: Callable[[], Iterator[tuple[str, bytes]]]) -> None:
    try:
        remove_left(folder.parent)
        with make_folder(folder) as draft:
            for name, content in make():
                if Path(name).name != name or (draft / name).exists():
                    raise ValueError(f"a name for one file must be plain and new: {name!r}")
                (draft / name).write_bytes(content)
    except OSError as error:
        if not folder.is_dir():  # else another process was faster
            raise DataError(
                "images must be unpacked into a folder with room",
                f"{folder.parent}: {error.strerror}",
                "make room there, or set XDG_CACHE_HOME to another folder",
            ) from error
