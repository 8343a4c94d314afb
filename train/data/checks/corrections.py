"""label_mistakes.tsv: possible label errors, and what a person says to each."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train.data.formats import read_text
from train.data.formats.tables.image_names import require_no_rows
from train.errors import DataError

COLUMNS = ("split", "image", "label", "reading", "agree", "chance", "corrected")
ACCEPT = "="
QUOTES = "put a text that holds quotation marks into such, and double its own"


@dataclass(frozen=True)
class LabelErrorRow:
    """One row: a possible label error.

    Attributes:
        split: `val` or `train`.
        image: path of the image.
        reading: what the models read.
        agree: how many of how many, e.g. `3/4`.
        chance: that they give the label, in [0, 1].
        corrected: the right text, ACCEPT for the reading, empty to leave the label as it is.
    """

    split: str
    image: str
    label: str
    reading: str
    agree: str
    chance: float
    corrected: str = ""

    @property
    def text(self) -> str:
        """The label after the correction."""
        return self.reading if self.corrected == ACCEPT else self.corrected or self.label


def table_text(rows: Sequence[LabelErrorRow]) -> str:
    """Return the file's text: tab-separated, a cell with a tab, quotation mark or line end in quotation marks."""
    told = [(r.split, r.image, r.label, r.reading, r.agree, f"{r.chance:.1g}", r.corrected) for r in rows]
    return "".join(map(_line, [COLUMNS, *told]))


def _line(cells: Sequence[str]) -> str:
    """Return a row's line; with CRLF at its end, csv puts a cell with either of them in quotation marks."""
    file = io.StringIO()
    csv.writer(file, delimiter="\t", lineterminator="\r\n").writerow(cells)
    return file.getvalue().removesuffix("\r\n") + "\n"


def read_table(path: Path) -> list[LabelErrorRow]:
    """Read the file as a person has left it; raise DataError with `file:line` for what it cannot mean."""
    table = csv.reader(io.StringIO(read_text(path), newline=""), delimiter="\t", strict=True)
    try:
        if next(table, None) != list(COLUMNS):
            raise DataError(f"the first line must be {' '.join(COLUMNS)}, by tabs", path, "write it again")
        return [_row(cells, f"{path}:{table.line_num}") for cells in table if cells]
    except csv.Error as error:
        raise DataError(
            "a cell that begins with a quotation mark must end with one",
            f"{path}:{table.line_num}: {error}",
            QUOTES,
        ) from error


def _row(cells: list[str], place: str) -> LabelErrorRow:
    require_no_rows(cells, "\t", len(COLUMNS), place, QUOTES)
    cells = cells + [""] * (len(COLUMNS) - len(cells))  # spreadsheets drop empty cells at the end
    try:
        split, image, label, reading, agree, chance, corrected = cells
        number = float(chance.replace(",", "."))  # as spreadsheets write it in many countries
        return LabelErrorRow(split, image, label, reading, agree, number, corrected)
    except ValueError as error:
        raise DataError(
            f"a line must have {len(COLUMNS)} cells by tabs, the chance a number",
            f"{place}: {cells}",
            "put it back as it was",
        ) from error


def merge_rows(found: Sequence[LabelErrorRow], edited: Sequence[LabelErrorRow]) -> list[LabelErrorRow]:
    """Return what was found with what a person had already said; also what they said of labels not found again."""
    answers = {(row.image, row.label): row for row in edited if row.corrected}
    rows = []
    for row in found:
        old = answers.pop((row.image, row.label), None)
        rows.append(old if old is not None else row)
    return [*rows, *answers.values()]
