"""Tar files that are read together: their order, and the files in each, by the rule of WebDataset."""

import lzma
import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from train.data.folders.notes import note
from train.data.folders.split_names import entries
from train.errors import DataError

SUFFIXES = (".tar", ".tar.gz", ".tgz")
NUMBERED = re.compile(r"(?P<name>.*?)(?P<number>\d+)(-of-(?P<count>\d+))?")
"""The name of one shard of several, without its suffix."""
SHOWN = 3
CHUNK, MOST_BYTES = 1 << 20, 1 << 29
"""What is read at once; and larger is no image."""
BROKEN = (
    *(
        tarfile.TarError,
        OSError,
        EOFError,
        ValueError,
        LookupError,
        OverflowError,
        MemoryError,
        RecursionError,
    ),
    *(zlib.error, lzma.LZMAError),
)
"""What a broken archive raises."""


@dataclass(frozen=True)
class Member:
    """A file in a shard, to be read before the next one is asked for.

    Attributes:
        shard: where it is.
        path: its path there.
        name: that path up to the first dot of the file's name: what the files of a sample share.
        suffix: what follows that dot, in lower case.
    """

    shard: Path
    path: str
    name: str
    suffix: str
    _tar: tarfile.TarFile
    _info: tarfile.TarInfo

    def read(self, most: int = MOST_BYTES) -> bytes:
        """Return the content; raise DataError for one of more bytes than `most`, or which is not all there."""
        if self._info.size > most:
            raise DataError(
                f"a file in a shard must have at most {most} bytes",
                f"{self.shard}: {self.path!a} with {self._info.size}",
                "leave it out of the shard",
            )
        with _refusing(self.shard):
            held = self._tar.extractfile(self._info)
            return held.read() if held else b""


def is_shard(path: Path) -> bool:
    """Whether a file is called as a shard is."""
    return path.name.lower().endswith(SUFFIXES)


def stem_of(shard: Path) -> str:
    """Return the name of a shard without its suffix."""
    return next(shard.name[: -len(end)] for end in SUFFIXES if shard.name.lower().endswith(end))


def shards_in(folder: Path) -> list[Path]:
    """Return the shards of a folder in the order of their names and numbers."""
    return sorted((path for path in entries(folder) if is_shard(path) and path.is_file()), key=_place)


def set_of(path: Path) -> list[Path]:
    """Return the shards of a folder, or those that are called as a file is but for its number, if that is not all."""
    sets = sets_of(shards_in(path if path.is_dir() else path.parent))
    if path.is_file():
        own = next((shards for shards in sets if path in shards), [path])
        sets = [own if _place(path)[0] else [path]]
        if len(sets[0]) > 1:
            note(f"{path}: read with the other shards of its name: {len(own) - 1}")
    for shards in sets:
        _require_all(shards)
    return [shard for shards in sets for shard in shards]


def sets_of(shards: Sequence[Path]) -> list[list[Path]]:
    """Return shards by their names without numbers."""
    sets: dict[tuple[str, int], list[Path]] = {}
    for shard in shards:
        sets.setdefault(_place(shard)[:2], []).append(shard)
    return list(sets.values())


def _place(shard: Path) -> tuple[str, int, int]:
    """Return the name that shards share, how many there are if they say it, and the number of this one."""
    match = NUMBERED.fullmatch(stem_of(shard))
    return (
        (match["name"], int(match["count"] or 0), int(match["number"])) if match else (stem_of(shard), 0, 0)
    )


def _require_all(shards: Sequence[Path]) -> None:
    """Raise DataError where shards say how many they are and some are missing; else say which numbers are."""
    _, count, first = _place(shards[0])
    numbers = {_place(shard)[2] for shard in shards}
    wanted = range(count) if count else range(first, max(numbers) + 1)
    missing = [str(number) for number in islice((one for one in wanted if one not in numbers), SHOWN)]
    if missing and count:
        raise DataError(
            "all shards of a set must be there",
            f"{shards[0].parent} without {', '.join(missing)} of {count}",
            "fetch them, or rename the others",
        )
    if missing:
        note(f"{shards[0]}: the numbers of its shards leave out {', '.join(missing)}")


def members_of(shard: Path) -> Iterator[Member]:
    """Yield the files of a shard in their order, but for hidden ones and those without a suffix.

    Raises:
        DataError: it cannot be read, breaks off, or has something else behind its end.
    """
    with _refusing(shard), tarfile.open(shard) as tar:
        last, at = "", 0
        while (info := tar.next()) is not None:
            held: Any = tar
            held.members = []  # else all of them stay in memory
            if tar.offset <= at:  # a size below 0 would lead around for ever
                raise tarfile.ReadError(f"{info.name!a} has no size")
            last, at = info.name, tar.offset
            if member := _member(shard, tar, info):
                yield member
        _require_end(shard, tar, last)


def _member(shard: Path, tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member | None:
    folder, slash, file = info.name.rpartition("/")
    stem, _, suffix = file.partition(".")
    hidden = stem.startswith("__") and stem.endswith("__")
    if not info.isreg() or info.issparse() or not stem or not suffix or hidden:
        return None
    return Member(shard, info.name, folder + slash + stem, suffix.lower(), tar, info)


def _require_end(shard: Path, tar: tarfile.TarFile, last: str) -> None:
    """Raise DataError where what follows the last file is no end: it would be lost without a word."""
    file: Any = tar.fileobj
    file.seek(tar.offset)
    chunk = file.read(CHUNK)
    if not chunk:
        note(f"{shard}: it has no mark at its end, so what followed {last!a} may be lost")
    while chunk:
        if chunk.strip(b"\0"):
            raise DataError(
                "a shard must be whole, and one archive",
                f"{shard}, with something else behind {last!a}",
                "fetch or make it again; shards that were joined must be unpacked",
            )
        chunk = file.read(CHUNK)


@contextmanager
def _refusing(shard: Path) -> Iterator[None]:
    """Turn what a broken archive raises into one line."""
    try:
        yield
    except BROKEN as error:
        raise DataError(
            "a shard must be a whole tar file",
            f"{shard}: {' '.join(str(error).split())[:100] or type(error).__name__}",
            "fetch or make it again",
        ) from error
