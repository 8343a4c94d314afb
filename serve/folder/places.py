"""A file to read, on this machine or behind a URI, and its bytes."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from train.data.images import require_file
from train.errors import DataError
from train.system.filesystems import open_filesystem

OPTION = "IMAGES"
FILE_BYTES = 2**30


class File(NamedTuple):
    """One file.

    Attributes:
        name: in the output.
        path: absolute, or on the file system of `place`.
        place: the URI that opens its file system; empty for this machine's.
    """

    name: str
    path: str
    place: str = ""

    def read(self) -> bytes:
        """Return what is in it; raise DataError if that cannot be read."""
        try:
            return self._read_remote() if self.place else self._read_here()
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise DataError("a file must be readable", why, "restore it, or leave it out") from error

    def _read_here(self) -> bytes:
        path = Path(self.path)
        require_file(path)
        _require_size(path.stat().st_size)
        return path.read_bytes()

    def _read_remote(self) -> bytes:
        filesystem, _ = open_filesystem(self.place, OPTION)
        with filesystem.open_input_file(self.path) as stream:
            _require_size(stream.size())
            return bytes(stream.read())


def _require_size(count: int) -> None:
    if count > FILE_BYTES:
        raise DataError(f"a file must have at most {FILE_BYTES} bytes", count, "cut it into several")


def locate_uri(uri: str) -> File:
    """Return the file or folder that a URI names.

    Args:
        uri: `s3://bucket/key`, with `?endpoint_override=...` where that is needed; or `file:///path`.
    """
    parts = urlsplit(uri, allow_fragments=False)  # a key may hold a `#`
    name = parts._replace(query="").geturl()
    # pyarrow takes neither "localhost" nor blanks
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return File(name, unquote(parts.path, errors="surrogateescape").rstrip("/") or "/")
    place = parts._replace(path="").geturl()
    base = open_filesystem(place, OPTION)[1]
    return File(name, f"{base}{parts.path}".rstrip("/"), place)


def pack(files: Iterable[File]) -> bytes:
    """Return files as bytes that `unpack` takes; names may be of any bytes but zero."""
    return b"\0".join(os.fsencode(word) for file in files for word in file)


def unpack(data: bytes) -> Sequence[File]:
    """Return the files that were packed."""
    words = (os.fsdecode(word) for word in data.split(b"\0"))
    return [File(*three) for three in zip(words, words, words, strict=True)] if data else []
