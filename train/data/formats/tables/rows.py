"""What a table is for its reader, and the rows of JSON lines and JSON lists."""

import codecs
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from train.data.formats import read_text
from train.data.formats.tables.objects import rows_in
from train.errors import DataError

Row = tuple[str, Sequence[Any]]
"""`file:line`, or the number of the row where a file has no lines; and the cells that were asked for."""
LOOKED_AT = 1000
"""Rows in which a text is looked for where the first one has none."""
BLANK, DOUBLED = " \t\r\n", b"\r\r\n"


@dataclass(frozen=True)
class Table:
    """A table that is read anew, row by row, whenever its rows are asked for.

    Attributes:
        columns: their names; their numbers, from 1, where the table has no header.
        rows: yields the cells of the columns that it is given, in that order; the text's must be the second one of a
            text file.
        named: whether there is a header.
        first: cells of the first row by column, where they can be had cheaply.
        images: the columns that hold images themselves.
        unfit: what columns hold that can be no text, by name.
    """

    columns: tuple[str, ...]
    rows: Callable[[Sequence[str]], Iterator[Row]]
    named: bool = True
    first: Mapping[str, Any] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    unfit: Mapping[str, str] = field(default_factory=dict)


def text_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a UTF-8 file with their ends, without byte-order marks, which joined files have inside.

    The ends are LF or CRLF; where the first one is CR CR LF, which some Windows programs write, or the file has CR
    alone, they are read as LF.
    """
    try:
        with path.open("rb") as file:
            for line in _with_usual_ends(file):
                yield (line[3:] if line.startswith(codecs.BOM_UTF8) else line).decode()
    except (OSError, UnicodeDecodeError):
        read_text(path)  # names the byte and its line
        raise


def _with_usual_ends(file: Iterable[bytes]) -> Iterator[bytes]:
    lines = iter(file)
    first = next(lines, b"")
    if not first.endswith(b"\n") and b"\r" in first:
        yield from (line + b"\n" for line in first.split(b"\r"))
    elif first.endswith(DOUBLED):
        yield from (line.replace(DOUBLED, b"\n") for line in chain([first], lines))
    else:
        yield from chain([first] if first else [], lines)


def json_table(path: Path) -> Table:
    """Return the table of a file with an object a line, or of a `.json` that is a list of objects."""
    first: dict[str, Any] = next((record for _, record in json_rows(path)), {})
    unfit = _find_unfit(path, first)

    def rows(columns: Sequence[str]) -> Iterator[Row]:
        for source, record in json_rows(path):
            if missing := [name for name in columns if name not in record]:
                raise DataError(
                    f"every row must have {' and '.join(columns)}",
                    f"{source} without {', '.join(missing)}",
                    "add it or remove the row",
                )
            yield source, [record[name] for name in columns]

    return Table(tuple(first), rows, first=first, unfit=unfit)


def _find_unfit(path: Path, first: Mapping[str, Any]) -> dict[str, str]:
    """Return what columns hold that can be no text, by name: `null` is a text that lacks, where a later row has one."""
    unfit = {name: type(value).__name__ for name, value in first.items() if not isinstance(value, str)}
    empty = {name for name, value in first.items() if value is None}
    with suppress(DataError):  # of a row, which is told when all are read
        for _, record in islice(json_rows(path), LOOKED_AT) if empty else ():
            for name in [name for name in empty & unfit.keys() if isinstance(record.get(name), str)]:
                del unfit[name]
    return unfit


def json_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `file:line` and the objects of JSON lines, or of a `.json` that is a list, or one object, of them."""
    if path.suffix.lower() != ".json" or _has_lines(path):
        return _json_lines(path)
    content = read_text(path)
    if content.lstrip(BLANK).startswith("{") and (rows := rows_in(_decoded(content, 0, f"{path}:1")[0])):
        return ((f"{path}:{number}", row) for number, row in enumerate(rows, 1))
    return json_objects(path)


def _has_lines(path: Path) -> bool:
    """Whether two objects follow each other in a file, one a line: JSON lines under another name."""
    beginning = [line.strip() for line in islice(filter(str.strip, text_lines(path)), 2)]
    return len(beginning) == 2 and all(line.startswith("{") and line.endswith("}") for line in beginning)


def _json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(text_lines(path), 1):
        if number == 1:
            _require_lines(line, path)
        if line.strip():
            record, end = _decoded(line, 0, f"{path}:{number}")
            if line[end:].strip():
                raise DataError(
                    "a line must hold one JSON object",
                    f"{path}:{number}: {line[end:].strip()[:60]}",
                    "mend that line",
                )
            yield f"{path}:{number}", record


def _require_lines(first: str, path: Path) -> None:
    """Raise DataError for a file whose first line begins a list, or an object of several lines."""
    if first.strip() == "{" or first.lstrip(BLANK).startswith("["):
        raise DataError(
            "a line must hold one JSON object",
            f"{path}:1: {first.strip()[:60]}",
            "name the file .json, if that is one list or object",
        )


def json_objects(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects of a JSON list, each with the line that it begins in; its number, where a line holds many."""
    content = read_text(path)
    at, counted, line, number = past(content, 0, BLANK), 0, 1, 0
    if content[at : at + 1] != "[":
        raise DataError(
            "a table in JSON must be a list of objects",
            f"{path}:1: {content[at : at + 60]!r}",
            "see docs/data.md",
        )
    at = past(content, at + 1, BLANK)
    while content[at : at + 1] != "]":
        line, counted = line + content.count("\n", counted, at), at
        number = max(line, number + 1)
        record, at = _decoded(content, at, f"{path}:{number}")
        at = past(content, at, BLANK)
        if content[at : at + 1] not in {",", "]"}:
            raise DataError(
                "a list must have commas and an end", f"{path}:{line}", "mend it behind that object"
            )
        at = past(content, at, BLANK + ",")
        yield f"{path}:{number}", record


def past(content: str, at: int, passed: str) -> int:
    """Return the first place from `at` on that holds none of these characters."""
    while at < len(content) and content[at] in passed:
        at += 1
    return at


def _decoded(text: str, at: int, source: str) -> tuple[dict[str, Any], int]:
    """Return the JSON object at a place, and where it ends."""
    try:
        record, end = json.JSONDecoder().raw_decode(text, past(text, at, BLANK))
    except (ValueError, RecursionError) as error:
        raise DataError("a row must be JSON", f"{source}: {str(error)[:80]}", "mend that row") from error
    if not isinstance(record, dict):
        raise DataError("a row must be a JSON object", f"{source}: {str(record)[:60]}", "mend that row")
    return record, end
