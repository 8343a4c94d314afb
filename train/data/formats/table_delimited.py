"""Tables in text: CSV, TSV and their like, with a header or without."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from train.data.formats.places import has_image_name
from train.data.formats.table_rows import Row, Table, text_lines
from train.errors import DataError

SPACE, SEPARATOR = " ", re.compile(r"sep=.\s*", re.IGNORECASE)
DELIMITERS = ("\t", ",", ";", "|", SPACE)
IsHeader = Callable[[Sequence[str]], bool]


@dataclass(frozen=True)
class Dialect:
    """How a table is written; what is None is told from its first line.

    Attributes:
        delimiter: one character.
        header: whether the first line names the columns.
        quotes: whether a cell may stand in quotation marks; else they are a part of it, and the last column takes
            the rest of its line.
    """

    delimiter: str | None = None
    header: bool | None = None
    quotes: bool | None = None


def delimited_table(path: Path, dialect: Dialect, is_header: IsHeader) -> Table:
    """Return the table of a text file.

    Args:
        path: the file.
        dialect: what is known of it.
        is_header: whether a row names the columns that a reader wants.
    """
    beginning = list(islice((line for line in _lines(path) if line.strip()), 2))
    delimiter = dialect.delimiter or _delimiter(beginning, path, is_header)
    quoted = delimiter != SPACE and not (delimiter == "\t" and path.suffix.lower() == ".txt")
    quotes = quoted if dialect.quotes is None else dialect.quotes
    head, second = _beginning(_cells(path, delimiter, quotes, 0))
    named = dialect.header if dialect.header is not None else not any(map(has_image_name, head))
    count = (
        len(head) if quotes else min(len(head), 2)
    )  # without header and quotes the text is all that follows
    columns = [cell.strip() for cell in head] if named else [str(i + 1) for i in range(count)]
    first = second if named else head

    def rows(wanted: Sequence[str]) -> Iterator[Row]:
        places = [columns.index(name) for name in wanted]
        found = _cells(path, delimiter, quotes, len(columns))
        if named:
            next(found, None)
        for source, cells, raw in found:
            if any(cell.strip() for cell in cells):
                whole = _whole(cells, raw, len(columns), delimiter, source)
                yield source, [whole[place] for place in places]

    return Table(tuple(columns), rows, named, dict(zip(columns, first, strict=False)))


def _beginning(rows: Iterator[tuple[str, list[str], str]]) -> tuple[list[str], list[str]]:
    """Return the first two rows; a second one that is malformed is refused when the rows are read."""
    head = next(rows, ("", [], ""))[1]
    try:
        return head, next(rows, ("", [], ""))[1]
    except DataError:
        return head, []


def _delimiter(lines: Sequence[str], path: Path, is_header: IsHeader) -> str:
    """Return the character that divides a first line into a header, or cuts off the name of an image in one of two."""
    for line in lines:
        for delimiter in DELIMITERS:
            cells = line.strip().split(delimiter)
            is_usual = delimiter != SPACE and is_header(cells)  # names of columns may have blanks
            if len(cells) > 1 and (is_usual or any(map(has_image_name, _bare(cells)))):
                return delimiter
    if lines and is_header(lines[0].strip().split(SPACE)):
        return SPACE
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file, `sep=;` at its head, by which Excel tells its delimiter, as a blank one."""
    for number, line in enumerate(text_lines(path)):
        yield line if number or not SEPARATOR.fullmatch(line) else "\n"


def _bare(cells: Sequence[str]) -> list[str]:
    return [cell.strip().strip('"') for cell in cells]


def _cells(path: Path, delimiter: str, quotes: bool, count: int) -> Iterator[tuple[str, list[str], str]]:
    """Yield `file:line`, cells and last line of every row that is not blank; `count`: of the columns, if known."""
    raw = [""]

    def lines() -> Iterator[str]:
        for raw[0] in _lines(path):
            yield raw[0]

    if not quotes:
        for number, line in enumerate(lines(), 1):
            if line.strip():
                yield f"{path}:{number}", line.rstrip("\r\n").split(delimiter, count - 1), line
        return
    reader, number = csv.reader(lines(), delimiter=delimiter, strict=True), 1
    try:
        for cells in reader:
            if cells:
                _require_quotes_to_end(cells, delimiter, f"{path}:{number}")
                yield f"{path}:{number}", cells, raw[0] if reader.line_num == number else ""
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            "a table must be valid CSV",
            f"{path}:{number}: {error}",
            "mend its quotes, or use --option quotes=none where they belong to the text",
        ) from error


def _require_quotes_to_end(cells: Sequence[str], delimiter: str, source: str) -> None:
    """Raise DataError where a cell seems to have swallowed rows: a quotation mark that is text, and another below."""
    for cell in cells:
        for line in cell.split("\n")[1:]:
            name, found, _ = line.partition(delimiter)
            if found and has_image_name(name.strip()):
                raise DataError(
                    "a cell in quotes must not hold other rows",
                    f"{source}: {cell[:60]!r}",
                    "mend its quotes, or use --option quotes=none where they belong to the text",
                )


def _whole(cells: list[str], raw: str, count: int, delimiter: str, source: str) -> list[str]:
    """Return as many cells as there are columns: a last one may hold delimiters where nothing is quoted."""
    if len(cells) > count > 1 and raw and '"' not in raw:
        return [*cells[: count - 1], delimiter.join(cells[count - 1 :])]
    if len(cells) != count:
        raise DataError(
            f"every row must have {count} cells",
            f"{source} with {len(cells)}",
            "mend that row; put a text that holds delimiters in quotes",
        )
    return cells
