"""What is kept of a reading until it is whole: a folder beside the output, with its files, and a file for each part."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve.folder.inputs import InputFiles
from serve.folder.places import File, pack, unpack
from serve.folder.rows import Record
from serve.folder.settings import require_same
from train.errors import UsageError
from train.system.files import LOCK, take_lock, write_whole

BEGUN, FILES, WRITTEN = "reading.json", "files", "written"


@dataclass(frozen=True)
class Parts:
    """A reading that has begun.

    Attributes:
        folder: where it is kept.
        files: what is read, in order.
        size: files of a part.
        refused: folders that could not be looked into, and why.
        aside: how many files of other kinds there were, by suffix.
    """

    folder: Path
    files: Sequence[File]
    size: int
    refused: Sequence[tuple[str, str]]
    aside: dict[str, int]

    @property
    def missing(self) -> list[int]:
        """The numbers of the parts that are not read yet."""
        count = -(-len(self.files) // self.size)
        there = {*os.listdir(self.folder)}
        return [number for number in range(count) if _name(number) not in there]

    def files_of(self, number: int) -> Sequence[File]:
        """Return the files of a part."""
        return self.files[number * self.size : (number + 1) * self.size]

    def keep(self, number: int, records: bytes) -> None:
        """Keep what was read of a part."""
        write_whole(self.folder / _name(number), records, durable=True)

    def records(self) -> Iterator[Record]:
        """Yield the record of every file, in order."""
        for number in range(-(-len(self.files) // self.size)):
            with (self.folder / _name(number)).open(encoding="ascii") as lines:
                yield from map(json.loads, lines)

    def note(self, draft: Path) -> None:
        """Note which file or folder gets the output's name next."""
        write_whole(self.folder / WRITTEN, str(draft.stat().st_ino), durable=True)

    def became(self, output: Path) -> bool:
        """Say whether what lies at the output is what was noted, and no file of somebody else's."""
        written = self.folder / WRITTEN
        return written.is_file() and output.exists() and written.read_text() == str(output.stat().st_ino)

    def discard(self) -> None:
        """Remove the folder: the output is whole."""
        (self.folder / BEGUN).unlink()  # first: what a kill leaves of the parts is no reading
        shutil.rmtree(self.folder)


def folder_of(output: Path) -> Path:
    """Return where a reading is kept until its output is whole."""
    return output.with_name(f"{output.name}.parts")


def errors_of(output: Path) -> Path:
    """Return where what could not be read is listed."""
    return output.with_name(f"{output.stem}.errors.jsonl")


def require_new(path: Path) -> None:
    """Raise UsageError if there is something where the output, or what lies beside it, is to appear."""
    if os.path.lexists(path):
        raise UsageError(
            "--output and what lies beside it must be new", path, "name another one, or move it away"
        )


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Keep other processes from a reading's folder; raise UsageError if one is at work there."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        try:
            take_lock(file)
        except BlockingIOError as error:
            raise UsageError(
                "one reading at a time may write an output",
                folder,
                "wait for its end, or name another --output",
            ) from error
        try:
            yield
        finally:
            if folder.exists() and not has_begun(folder):  # nothing was read
                shutil.rmtree(folder)


def begin(folder: Path, asked: dict[str, Any], found: InputFiles, size: int) -> Parts:
    """Write down what will be read, so that it can be resumed; parts of another reading are removed."""
    for kept in (BEGUN, WRITTEN):
        (folder / kept).unlink(missing_ok=True)
    for part in folder.glob("*.jsonl"):
        part.unlink()
    write_whole(folder / FILES, pack(found.files), durable=True)
    begun = {"asked": asked, "size": size, "refused": found.refused, "aside": dict(found.aside)}
    write_whole(folder / BEGUN, json.dumps(begun), durable=True)  # with it, the reading has begun
    return Parts(folder, found.files, size, found.refused, dict(found.aside))


def has_begun(folder: Path) -> bool:
    """Return whether there is a reading to go on with."""
    return (folder / BEGUN).is_file()


def go_on(folder: Path, asked: dict[str, Any]) -> Parts:
    """Return the reading that is kept in a folder; raise UsageError if it was asked for something else."""
    begun = json.loads((folder / BEGUN).read_bytes())
    require_same(json.loads(json.dumps(asked)), begun["asked"])
    refused = [(name, why) for name, why in begun["refused"]]
    return Parts(folder, unpack((folder / FILES).read_bytes()), begun["size"], refused, begun["aside"])


def _name(number: int) -> str:
    return f"{number:06}.jsonl"
