"""Which columns of a table name images and hold texts, splits and documents: by their names, or as they are named."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from train.data.formats.places import has_image_name
from train.data.formats.tables.rows import Table
from train.errors import DataError

IMAGES = re.compile(r"(image|img|file|picture)s?_?(file)?_?(filename|names?|paths?|ur[li]s?)?|names?|paths?")
TEXTS = re.compile(
    r"((gt|ocr|plate|corrected|true)_?)?texts?|words?|transcri(pt|ption)|gt|ground_?truth|labels?|sentence|string|plate"
    r"|correct(ed|ion)"
)
CORRECTED, FLAGS = re.compile(r"correct(ed|ion)"), {"", "0", "1", "n", "y", "no", "yes", "false", "true"}
FURTHER_TEXTS = re.compile("ground_?truth_text|suffix")
"""What a column of texts may be called where none has one of those names."""
SPLIT_COLUMNS = re.compile("partition|set|split|subset")
GROUP_COLUMNS = re.compile("group|document|doc(ument)?_id")
"""The usual names of columns."""
DIVIDED = (".csv", ".tsv", ".txt")
UNDIVIDED = "remove what stands above the names of columns, or say what divides these with --option delimiter=CHARACTER"
"""What to do with a text file of one column: a title stands above its header, or its delimiter is unknown."""


def find_further(table: Table, names: re.Pattern[str], taken: Sequence[str]) -> list[str]:
    """Return the first column with such a name, if there is one besides those that are taken."""
    return [column for column in usual_columns(table.columns, names) if column not in taken][:1]


def usual_columns(columns: Sequence[str], names: re.Pattern[str]) -> list[str]:
    """Return the columns whose names are usual, whatever their case, blanks and hyphens."""
    plain = {column: re.sub(r"[\s-]+", "_", column.strip(' "').lower()) for column in columns}
    return [column for column in columns if names.fullmatch(plain[column])]


def usual_texts(columns: Sequence[str], unfit: Collection[str] = ()) -> list[str]:
    """Return the columns that are called as those of texts are; `unfit` hold something else."""
    usual, further = usual_columns(columns, TEXTS), usual_columns(columns, FURTHER_TEXTS)
    return further if further and all(column in unfit for column in usual) else usual


def likely_images(table: Table) -> list[str]:
    """Return the columns that may name images; where several have such a name, those that do."""
    usual = list(table.images) or usual_columns(table.columns, IMAGES) if table.named else list(table.first)
    naming = [column for column in usual if has_image_name(str(table.first.get(column, "")).strip())]
    if not table.named and not naming:  # without their suffixes
        return usual[:1]
    return usual if table.named and (len(usual) == 1 or not naming) else naming


def likely_texts(table: Table) -> list[str]:
    """Return the columns that may hold texts."""
    return usual_texts(table.columns, table.unfit) if table.named else list(table.columns)


def find_text_column(table: Table, wanted: str, image: str, path: Path) -> str:
    """Return the column of the texts, as `find_column`; raise DataError, too, where it holds no strings."""
    likely = [column for column in likely_texts(table) if column != image]
    if len(likely) > 1:
        likely = [column for column in likely if column not in table.unfit]
    if len(likely) > 1:
        likely = [column for column in likely if not _is_flag(table, column, image)]
    column = find_column(table, "text", wanted, likely, path)
    if column in table.unfit:
        raise DataError(
            "the texts of a table must be strings",
            f"{path}:1: {table.unfit[column]} in the column {column}",
            "save the column as text (00123 would be read as 123), or name another with --option text=COLUMN",
        )
    return column


def _is_flag(table: Table, column: str, image: str) -> bool:
    """Whether a column called `corrected` says that its row is, and holds no text."""
    if not CORRECTED.fullmatch(column.strip().lower()):
        return False
    return {str(cells[1]).strip().lower() for _, cells in table.rows([image, column])} <= FLAGS


def find_column(table: Table, kind: str, wanted: str, likely: Sequence[str], path: Path) -> str:
    """Return the column that is wanted, else the only likely one; raise DataError without one."""
    columns = [column for column in table.columns if column == wanted] if wanted else likely
    if len(columns) != 1:
        shown = ", ".join(" ".join(name.split()) or "(no name)" for name in table.columns) or "nothing"
        value = f"{path}:1 with columns {shown}" if table.named else f"{path}:1 with {shown} and no header"
        rule = (
            f"a table must have one column {wanted}"
            if wanted
            else f"a table must have one column for the {kind}"
        )
        undivided = len(table.columns) == 1 and path.suffix.lower() in DIVIDED
        raise DataError(rule, value, UNDIVIDED if undivided else f"name it with --option {kind}=COLUMN")
    return columns[0]
