"""Names and paths from outside: each is looked at once, before any work, and refused in one line if it cannot be."""

import errno
import os
import stat
import tempfile
import unicodedata
from pathlib import Path

from train.errors import DataError, OcrError, UsageError

NAME_BYTES = 200
"""File systems take 255; drafts and folders beside a study have a longer name."""
DRAFT_BYTES = 30
POINTER = b"version https://git-lfs"
"""How a file begins that Git LFS has not fetched."""
PROBE_BYTES = 1 << 16
PROGRAM = "ocrtune"
SEPARATORS, INVISIBLE = "/\\", ("Cc", "Cs", "Zl", "Zp")


def study_name(text: str) -> str:
    """Return the name of a new study; raise UsageError for what cannot be the name of one folder.

    Ray Tune looks for its files by a pattern with that name in it, where a bracket has a meaning.
    """
    if not _is_folder_name(text) or text != text.strip() or text[0] in ".-" or "[" in text:
        raise UsageError(
            f"a study's name must be one folder's, of at most {NAME_BYTES} bytes, with no separator, '[' or control "
            "character in it, no '.' or '-' before it and no space around it",
            repr(text),
            "name it, e.g. --name plates-v2",
        )
    return text


def folder_name(text: str) -> str:
    """Return the name of a study that there may be, also of an earlier version; UsageError for more than a folder."""
    if not _is_folder_name(text):
        raise UsageError(
            "a study's name must be one folder's, with no separator or control character in it",
            repr(text),
            "see the names with python search/results.py list",
        )
    return text


def _is_folder_name(text: str) -> bool:
    if text in ("", ".", "..") or any(c in SEPARATORS or unicodedata.category(c) in INVISIBLE for c in text):
        return False
    return len(text.encode()) <= NAME_BYTES


def name_after(data: str) -> str:
    """Return the study name that a data folder gives, `.` the current one's; raise UsageError if it gives none."""
    return study_name(os.path.basename(os.path.abspath(data)))


def given_path(text: str) -> Path:
    """Return the path that a person named, `~` expanded; raise UsageError for what can be none, and for URIs."""
    if not text or "\0" in text:
        raise UsageError("a path must name a file or folder", repr(text), "write it out")
    if "://" in text:  # it would become one below the current folder
        raise UsageError("a path must be one of this machine", text, "name a file or folder here")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise UsageError("~ must stand for a home that is known", text, "write the path out") from error


def given_place(text: str) -> str:
    """Return the folder, `~` expanded, or the URI that a person named."""
    return text if "://" in text else str(given_path(text))


def require_folder(folder: Path, option: str) -> None:
    """Raise UsageError unless a folder is there, or can be made, and has room; makes nothing."""
    try:
        _try_to_write(folder)
    except OSError as error:
        raise _unwritable(f"{option} must be a folder that can be written", folder, error) from error


def require_empty(folder: Path, option: str) -> None:
    """Raise UsageError for a file, and for a folder that holds something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{option} must be a new or empty folder", folder, "choose another, or empty it")


def require_present(folder: Path, option: str) -> None:
    """Raise UsageError unless a folder is there."""
    if not folder.is_dir():
        raise UsageError(f"{option} must be a folder that is there", folder, "check the path")


def require_readable(place: Path, what: str) -> None:
    """Raise DataError unless a file or folder is there, and this user may look into the folder.

    A pipe is neither: what is read more than once could not be read again.
    """
    try:
        mode = place.stat().st_mode
        if stat.S_ISDIR(mode):
            os.scandir(place).close()
        elif not stat.S_ISREG(mode):
            raise DataError(
                f"{what} must be a file or folder",
                f"{place}, a pipe or device",
                "write its content to a file",
            )
    except PermissionError as error:
        found = f"{place}: {error.strerror}"
        raise DataError(
            f"{what} must be readable", found, "give this user the right (chown, chmod)"
        ) from error
    except (OSError, ValueError) as error:  # also of a name that is too long
        raise DataError(f"{what} must exist", place, "check the path") from error


def require_file(path: Path, option: str) -> None:
    """Raise UsageError unless a file can be written there; writes nothing."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not path.exists() or path.is_file():  # another one, such as a terminal, is written to as it is
            _try_to_write(path.parent, path.name)
    except OSError as error:
        raise _unwritable(f"{option} must be a file that can be written", path, error) from error


def _try_to_write(folder: Path, *names: str) -> None:
    """Write to the folder, or to the nearest one above that is there; a full or read-only disk raises OSError."""
    missing = [*names]
    while not os.path.lexists(folder):
        missing.append(folder.name)
        folder = folder.parent
    limit = os.pathconf(folder, "PC_NAME_MAX") - DRAFT_BYTES
    if any(len(os.fsencode(name)) > limit for name in missing):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(PROBE_BYTES))
        file.flush()


def _unwritable(rule: str, path: Path, error: OSError) -> UsageError:
    return UsageError(rule, f"{path}: {error.strerror or error}", "name another one, or make it writable")


def name_unread(folder: Path, name: str, error: Exception) -> str:
    """Return what to say where a file of a folder cannot be used: the folder may not be there, or be a file."""
    if not folder.is_dir():
        return f"{folder}, which is no folder"
    return f"{folder}: {name}: {getattr(error, 'strerror', None) or error}"


def read_utf8(path: Path, what: str, kind: type[OcrError] = UsageError) -> str:
    """Return a UTF-8 file's text without its byte-order mark, line ends untouched.

    Args:
        path: of the file.
        what: it is, for messages.
        kind: of the error for what cannot be read, or is of another encoding.
    """
    try:
        content = path.read_bytes()
        if content.startswith(POINTER):
            raise kind(f"{what} must be fetched", f"{path}: a pointer of Git LFS", "run git lfs pull there")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise kind(f"{what} must be readable", f"{path}: {error.strerror}", "check the path") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = f"{path}:{line}: byte 0x{error.object[error.start]:02x}"
        raise kind(f"{what} must be UTF-8", byte, "save it as UTF-8") from error


def find_users_cache() -> Path | None:
    """Return this program's folder in the cache of the XDG rules; None without a home folder."""
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        cache = named if named.is_absolute() else Path.home() / ".cache"
    except RuntimeError:
        return None
    return cache / PROGRAM


def make_temporary_folder() -> Path:
    """Return a folder for temporary files that is this user's alone, the same for all their processes."""
    folder = Path(tempfile.gettempdir()) / f"{PROGRAM}-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise DataError(
            "what is kept between runs needs a folder that can be written",
            f"{folder}: {error.strerror}",
            "set XDG_CACHE_HOME to one that can",
        ) from error
    mine = not folder.is_symlink() and folder.stat().st_uid == os.getuid()
    return folder if mine else Path(tempfile.mkdtemp(prefix=f"{PROGRAM}-"))
