"""A reading from beginning to end: what is named becomes an output that is whole, however often it was interrupted."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from serve.folder.inputs import InputFiles, find_files
from serve.folder.labels import write_line_labels, write_page_labels
from serve.folder.parts import Parts, begin, errors_of, folder_of, go_on, has_begun, hold, require_new
from serve.folder.places import pack
from serve.folder.pool import count_readers, dump_records, join_cluster, read_parts
from serve.folder.progress import Progress
from serve.folder.rows import Record, list_rows, list_troubles, make_refusal
from serve.folder.settings import FolderSettings
from serve.folder.tables import TABLES, write_json_lines
from train.errors import DataError, ModelError, explain_refusal, make_storage_error
from train.system.files import make_folder, replace_file

FEW_PARTS = 4
"""Parts whose readers may end before that is no longer taken for the fault of a file."""


@dataclass(frozen=True)
class Summary:
    """The figures of a reading.

    Attributes:
        files: that it had.
        unreadable: of them.
        lines: that were found in the others.
        troubles: whether a file has an error or warnings.
        aside: how many files of other kinds lay in the folders, by suffix.
        rate: files/s, from the first that was read in this run on.
    """

    files: int
    unreadable: int
    lines: int
    troubles: bool
    aside: Mapping[str, int]
    rate: float = 0.0

    @property
    def read(self) -> int:
        """How many files were read."""
        return self.files - self.unreadable

    def __str__(self) -> str:
        """Say it in a line."""
        line = f"{self.read:,} of {self.files:,} files read, {self.lines:,} lines, {self.rate:.1f} files/s"
        if self.aside:
            kinds = ", ".join(suffix or "no suffix" for suffix in sorted(self.aside))
            line += f", left aside {sum(self.aside.values()):,} files of other kinds ({kinds})"
        return line


class Interrupted(KeyboardInterrupt):
    """It was interrupted, and can go on."""


def read_folder(
    settings: FolderSettings, output: Path, resume: bool, readers: int | None, address: str | None
) -> Summary:
    """Read what was asked for into `output`.

    Args:
        settings: what to read and how.
        output: a new file with a suffix of TABLES, or a new folder for labels.
        resume: go on where an interrupted reading is, if one has begun.
        readers: processes that read; None: as many as the cluster holds.
        address: of the Ray cluster; None to start one here.

    Raises:
        Interrupted: at Ctrl-C; it says how far the reading is.
        StorageError: what is read cannot be written; with room, it can go on.
    """
    folder, fingerprint = folder_of(output), settings.fingerprint()
    found = None if resume and has_begun(folder) else _find(settings)
    with _storing(output), hold(folder):
        if found is None:
            parts = go_on(folder, fingerprint)
        else:
            parts = begin(folder, fingerprint, found, settings.part_size(len(found.files)))
        rate = 0.0
        if parts.missing:
            require_new(output)  # it appears when all parts are there: this is another one
            join_cluster(address)
            rate = _read(settings, parts, count_readers(settings, readers))
        summary = replace(_write(settings, parts, output), rate=rate)
        parts.discard()
    return summary


def _find(settings: FolderSettings) -> InputFiles:
    found = find_files(settings.images, settings.pages)
    if not found.files:
        raise DataError(
            "there must be a picture to read",
            f"none in {' '.join(settings.images)}",
            "name files or folders that have some",
        )
    return found


def _read(settings: FolderSettings, parts: Parts, readers: int) -> float:
    """Read what is missing and return the files/s; a part that ended its reader is read again, a file at a time."""
    missing = parts.missing
    left = sum(len(parts.files_of(number)) for number in missing)
    progress = Progress(len(parts.files), len(parts.files) - left, _say)
    with _interruptions(progress, len(parts.files)):
        packed = {number: pack(parts.files_of(number)) for number in missing}
        for number, records, began in read_parts(settings, packed, readers):
            parts.keep(number, records)
            progress.add(len(parts.files_of(number)), began)
        lost = parts.missing
        if len(lost) > max(FEW_PARTS, len(missing) // 2):
            raise ModelError(
                "readers must live to read their parts",
                f"{len(lost)} of {len(missing)} that ended theirs",
                "give them more memory with fewer --readers, and go on with --resume; the logs of Ray say more",
            )
        for number in lost:
            parts.keep(number, _read_alone(settings, parts, number, readers))
        return progress.rate


def _read_alone(settings: FolderSettings, parts: Parts, number: int, readers: int) -> bytes:
    """Return the records of a part whose files are read one by one; what ends a reader again cannot be read."""
    files = parts.files_of(number)
    alone = {index: pack([file]) for index, file in enumerate(files)}
    read = {part.number: part.records for part in read_parts(settings, alone, readers, waiting=1)}
    ended = DataError("a file must leave its reader alive", "one that ended it twice", "leave it out")
    return b"".join(
        read.get(index) or dump_records([make_refusal(file.name, ended)]) for index, file in enumerate(files)
    )


def _write(settings: FolderSettings, parts: Parts, output: Path) -> Summary:
    """Put the parts together; what could not be read goes beside the output."""
    counts = _count(parts)
    if parts.became(output):  # just before the end of an earlier run
        return counts
    require_new(output)
    if settings.form == "labels":
        return _write_labels(settings, parts, output, counts)
    if counts.troubles:
        _write_troubles(parts, output)
    with replace_file(output, durable=True) as draft:
        TABLES[output.suffix.lower()]((row for record in parts.records() for row in list_rows(record)), draft)
        parts.note(draft)
    return counts


def _write_labels(settings: FolderSettings, parts: Parts, output: Path, counts: Summary) -> Summary:
    """Write label lists; a file that is not as it was read stands among those that could not be read."""
    read = zip(parts.files, parts.records(), strict=True)
    with make_folder(output) as draft:
        if settings.pages:
            refused = write_page_labels(read, draft, output.name, settings.limits)
        else:
            refused = write_line_labels(read, draft)
        if counts.troubles or refused:
            _write_troubles(parts, output, refused)
        parts.note(draft)
    return replace(
        counts, unreadable=counts.unreadable + len(refused), troubles=counts.troubles or bool(refused)
    )


def _write_troubles(parts: Parts, output: Path, refused: Sequence[Record] = ()) -> None:
    """List what could not be read beside the output."""
    with replace_file(errors_of(output), durable=True) as draft:
        write_json_lines(chain(_list_troubles(parts), refused), draft)


def _count(parts: Parts) -> Summary:
    unreadable = lines = 0
    troubles = bool(parts.refused)
    for record in parts.records():
        unreadable += "error" in record
        troubles = troubles or "error" in record or "warnings" in record
        lines += sum(len(page["lines"]) for page in record.get("pages", ()))
    return Summary(len(parts.files), unreadable, lines, troubles, parts.aside)


def _list_troubles(parts: Parts) -> Iterator[Record]:
    yield from ({"path": name, "error": why} for name, why in parts.refused)
    for record in parts.records():
        yield from list_troubles(record)


@contextmanager
def _storing(output: Path) -> Iterator[None]:
    """Turn the error of a full disk, or of one that may not be written any more, into StorageError."""
    try:
        yield
    except OSError as error:
        if explain_refusal(error) is None:
            raise
        error.filename = error.filename or output
        raise make_storage_error(
            error, "what is read must be written", "go on with the same command and --resume"
        ) from error


@contextmanager
def _interruptions(progress: Progress, total: int) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(f"{progress.done:,} of {total:,} files are read") from error


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
