"""Tables in text: CSV, TSV and their like, with a header or without."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from train.data.folders.notes import note
from train.data.formats.places import has_image_name
from train.data.formats.tables.image_names import ImageNames, require_no_rows
from train.data.formats.tables.rows import Row, Table, text_lines
from train.errors import DataError

SPACE, SEPARATOR = " ", re.compile(r"sep=.\s*", re.IGNORECASE)
DELIMITERS = ("\t", ",", ";", "|", SPACE)
LOOKED_AT = 20
TEXT_PLACE = 1
"""The place of the text among the columns that a reader asks for."""
REMEDY = "mend its quotes, or use --option quotes=none where they belong to the text"
IsHeader = Callable[[Sequence[str]], bool]
csv.field_size_limit(1 << 30)  # a cell that holds an image is refused for what it is


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


@dataclass(frozen=True)
class _Written:
    """How a table is written, all of it told.

    Attributes:
        spaced: whether a blank follows each delimiter, and belongs to it.
        closed: whether a delimiter ends every row, where the first line has none at its end.
        escaped: whether a backslash stands before a quotation mark and a backslash, as ICDAR's lists have it.
    """

    delimiter: str
    quotes: bool
    spaced: bool = False
    closed: bool = False
    escaped: bool = False


def delimited_table(
    path: Path, dialect: Dialect, is_header: IsHeader, images: ImageNames | None = None
) -> Table:
    """Return the table of a text file.

    Args:
        path: the file.
        dialect: what is known of it.
        is_header: whether a row names the columns that a reader wants.
        images: those around the file, where several files of its folder are asked.
    """
    images = images or ImageNames(path.parent)
    beginning = list(islice((line for line in _lines(path) if line.strip()), LOOKED_AT))
    delimiter = dialect.delimiter or _delimiter(beginning, path, is_header, images)
    quoted = delimiter != SPACE and not (delimiter == "\t" and path.suffix.lower() == ".txt")
    quotes = quoted if dialect.quotes is None else dialect.quotes
    form = _form(path, beginning[:2], delimiter, quotes)
    head, second = _beginning(_cells(path, form, 0))
    bare = not is_header(head) and _begin_with_images(beginning, delimiter, images)
    unnamed = (bare and not _has_names(beginning, delimiter, images)) or any(map(has_image_name, head))
    named = not unnamed if dialect.header is None else dialect.header
    count = (
        len(head) if quotes else min(len(head), 2)
    )  # without header and quotes the text is all that follows
    columns = [cell.strip() for cell in head] if named else [str(i + 1) for i in range(count)]
    first = second if named else head

    def rows(wanted: Sequence[str]) -> Iterator[Row]:
        if form.closed:
            note(
                f"{path}: every row but the first ends in {delimiter!r}, which is taken for no part of its text"
            )
        places = [columns.index(name) for name in wanted]
        is_named = quotes and places[0] < len(first) and has_image_name(first[places[0]].strip())
        if not is_named:
            _require_names_first(path, form, beginning)
        is_text_last = places[TEXT_PLACE] == len(columns) - 1
        found = _cells(path, form, len(columns) if is_text_last else 0)
        if named:
            next(found, None)
        for source, cells, raw in found:
            if not any(cell.strip() for cell in cells):
                continue
            whole = _whole(cells, raw if is_text_last else "", len(columns), form, source)
            if named and [cell.strip() for cell in whole] == columns:
                note(f"{path}: rows that repeat the header, as in tables that were joined, are passed over")
                continue
            yield source, [whole[place] for place in places]

    return Table(tuple(columns), rows, named, dict(zip(columns, first, strict=False)))


def _require_names_first(path: Path, form: _Written, beginning: Sequence[str]) -> None:
    """Raise DataError where blanks divide the columns, and in every row stand both before and behind the image."""
    lines = [line.strip() for line in beginning if form.delimiter == SPACE]
    if lines and all(map(_has_name_within, lines)):
        raise DataError(
            "where blanks divide the columns, the name of an image must come first or last, and have none",
            f"{path}:1: {lines[0][:60]!r}",
            "put tabs between the columns, and name the list .tsv",
        )


def _has_name_within(line: str) -> bool:
    first, _, rest = line.partition(SPACE)
    return (
        not has_image_name(first) and not has_image_name(rest) and any(map(has_image_name, rest.split(SPACE)))
    )


def _form(path: Path, beginning: Sequence[str], delimiter: str, quotes: bool) -> _Written:
    """Return how a table is written whose first two lines are known."""
    rests = [] if delimiter.isspace() else [line.partition(delimiter)[2] for line in beginning]
    spaced = bool(rests) and all(rest.startswith(SPACE) for rest in rests)
    escaped = spaced and rests[-1].lstrip(SPACE).startswith('"') and path.suffix.lower() == ".txt"
    form = _Written(delimiter, quotes, spaced, escaped=escaped)
    return replace(form, closed=bool(rests) and _is_closed(path, form))


def _is_closed(path: Path, form: _Written) -> bool:
    """Whether every row but the first, two at least, has more cells than that, and an empty one at its end."""
    rows = (cells for _, cells, _ in _cells(path, form, 0))
    try:
        columns = len(next(rows, []))
        two = list(islice(rows, 2))
        return len(two) == 2 and all(len(cells) > columns and not cells[-1] for cells in chain(two, rows))
    except DataError:  # that row is refused when it is read
        return False


def _beginning(rows: Iterator[tuple[str, list[str], str]]) -> tuple[list[str], list[str]]:
    """Return the first two rows; a second one that is malformed is refused when the rows are read."""
    head = next(rows, ("", [], ""))[1]
    try:
        return head, next(rows, ("", [], ""))[1]
    except DataError:
        return head, []


def _delimiter(lines: Sequence[str], path: Path, is_header: IsHeader, images: ImageNames) -> str:
    """Return the character that divides a first line into a header, or cuts off the name of an image in one of two.

    Else the one that cuts off the names of images that are there.
    """
    for line in lines[:2]:
        for delimiter in DELIMITERS:
            cells = line.strip().split(delimiter)
            is_usual = delimiter != SPACE and is_header(cells)  # names of columns may have blanks
            if len(cells) > 1 and (is_usual or any(map(has_image_name, _bare(cells)))):
                return delimiter
    if lines and is_header(lines[0].strip().split(SPACE)):
        return SPACE
    if cut := next((one for one in DELIMITERS if _begin_with_images(lines, one, images)), ""):
        return cut
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _begin_with_images(lines: Sequence[str], delimiter: str, images: ImageNames) -> bool:
    """Whether two lines, and most, begin with names of images that lie there, without their suffixes, as Kaldi's do."""
    cut = [line.partition(delimiter)[0].strip() for line in lines if delimiter in line]
    names = cut if len(cut) > 1 else []
    found = sum(name in images for name in names)
    return found > 1 and 2 * found > len(lines)


def _has_names(lines: Sequence[str], delimiter: str, images: ImageNames) -> bool:
    """Whether the first line alone begins with no image's name, and with no digit, as the header of such a table."""
    first, *others = [line.partition(delimiter)[0].strip() for line in lines]
    return first not in images and not any(map(str.isdigit, first)) and all(name in images for name in others)


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file, `sep=;` at its head, by which Excel tells its delimiter, as a blank one."""
    for number, line in enumerate(text_lines(path)):
        yield line if number or not SEPARATOR.fullmatch(line) else "\n"


def _bare(cells: Sequence[str]) -> list[str]:
    return [cell.strip().strip('"') for cell in cells]


def _cells(path: Path, form: _Written, count: int) -> Iterator[tuple[str, list[str], str]]:
    """Yield `file:line`, cells and last line of every row that is not blank; `count`: of the columns, if known."""
    raw = [""]

    def lines() -> Iterator[str]:
        for line in _lines(path):
            raw[0] = line.rstrip("\r\n").removesuffix(form.delimiter) + "\n" if form.closed else line
            yield raw[0]

    if not form.quotes:
        for number, line in enumerate(lines(), 1):
            if line.strip():
                yield f"{path}:{number}", _split(line, form, count), line
        return
    escape = "\\" if form.escaped else None
    reader = csv.reader(
        lines(), delimiter=form.delimiter, strict=True, skipinitialspace=form.spaced, escapechar=escape
    )
    number, columns = 1, 0
    try:
        for cells in reader:
            if cells:
                columns = columns or len(cells)
                require_no_rows(cells, form.delimiter, columns, f"{path}:{number}", REMEDY)
                yield f"{path}:{number}", cells, raw[0] if reader.line_num == number else ""
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            "a table must be valid CSV",
            f"{path}:{number}: {error}",
            REMEDY,
        ) from error


def _split(line: str, form: _Written, count: int) -> list[str]:
    """Return the cells of a line that knows no quotes, the last of `count` with all that follows."""
    cells = line.rstrip("\r\n").split(form.delimiter, count - 1)
    return [cell.lstrip(SPACE) for cell in cells] if form.spaced else cells


def _whole(cells: list[str], raw: str, count: int, form: _Written, source: str) -> list[str]:
    """Return as many cells as there are columns: where nothing is quoted, the last one may hold delimiters.

    Args:
        cells: of one row.
        raw: its line, if it is one and the text stands last there, which then takes the rest; else nothing.
        count: of the columns.
        form: how the table is written.
        source: `file:line`.
    """
    if len(cells) > count > 1 and raw and '"' not in raw:
        return _split(raw, form, count)
    if len(cells) != count:
        raise DataError(
            f"every row must have {count} cells",
            f"{source} with {len(cells)}",
            "mend that row; put a text that holds delimiters in quotes",
        )
    return cells
