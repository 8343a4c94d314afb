"""How a path in a list may be written, which was made on another system: its parts, its ends, its spellings."""

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote

DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\|//")


MARKS = "\ufeff\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Invisible characters that come along where a path is copied, as out of the properties of a file."""


def spellings(name: str) -> Iterable[str]:
    """Return a name with slashes for backslashes, then without blanks around it, and as no part of an address.

    Last with backslashes for slashes: some programs unpack an archive of Windows to files that are called so.
    """
    slashes = name.replace("\\", "/")
    plain = _bare(slashes).strip()
    address = unquote(plain) if "%" in plain else plain
    return dict.fromkeys((name, slashes, plain, address, plain.removeprefix("./").replace("/", "\\")))


def is_foreign(name: str) -> bool:
    """Whether a name is an absolute path of some system."""
    return _bare(name).startswith("/") or DRIVE.match(_bare(name)) is not None


def ends_of(name: str, least: int) -> list[str]:
    """Return the ends of a path, the longest first; of an absolute one the file's name is enough."""
    parts = parts_of(name)
    shortest = 1 if is_foreign(name) else least
    return ["/".join(parts[start:]) for start in range(len(parts) - shortest + 1)]


def composed(name: str) -> str:
    """Return a name in Unicode's composed form."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def alike(name: str) -> str:
    """Return what a name has in common with all that Windows or macOS take for the same."""
    return composed(name).casefold()


def parts_of(name: str) -> list[str]:
    """Return the folders and the name of a path with slashes or backslashes."""
    return [part for part in _bare(name).replace("\\", "/").split("/") if part not in ("", ".")]


def _bare(name: str) -> str:
    return name if name.isascii() else name.strip(MARKS)
