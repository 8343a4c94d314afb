"""A column of a table that tells the splits of its rows under another name than the usual ones."""

from collections.abc import Sequence
from pathlib import Path

from train.data.folders.notes import note
from train.data.folders.split_names import split_of
from train.data.formats.tables.rows import Table
from train.errors import DataError


def find_split_column(path: Path, table: Table, taken: Sequence[str]) -> list[str]:
    """Return the first column in which nothing but names of splits stands, of two at least, and say so.

    It tells as little as folders do: what a person says of the file, or its name, counts more.

    Args:
        path: of the table.
        table: that is read.
        taken: the columns of the images and of the texts.
    """
    likely = [name for name in table.columns if name not in taken and _is_split(table.first.get(name))]
    found = next((name for name in likely if _tells_splits(table, name, taken)), None)
    if found is None:
        return []
    note(
        f"{path}: the column {found} tells the splits, if nothing else does: nothing but their names stands there"
    )
    return [found]


def _tells_splits(table: Table, column: str, taken: Sequence[str]) -> bool:
    try:
        told = {str(cells[-1]).strip().lower() for _, cells in table.rows([*taken, column])}
    except DataError:  # of a row that lacks it; another fault is told when the rows are read
        return False
    return all(map(_is_split, told)) and len({*map(split_of, told)}) > 1


def _is_split(cell: object) -> bool:
    return isinstance(cell, str) and split_of(cell.strip()) is not None
