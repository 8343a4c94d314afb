"""The texts of tables: each must be what one image shows, no list of several, no number that stands for a text."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from train.data.folders.notes import note
from train.data.formats.line_lists.class_list import require_no_classes
from train.data.formats.tables.rows import Row
from train.errors import DataError

DONUT = '{"gt_parse"'
"""How a text begins that is no line, but what Donut parses a page into."""
SEVERAL = re.compile(r'\[\s*"(.*"\s*,\s*".*)?"\s*\]', re.DOTALL)
LABEL_STUDIO = {"annotation_id", "annotator"}
"""The texts of all regions of a photo, as Label Studio writes them into one cell of a CSV; and columns of that."""
LEXICON = re.compile(r"\d+_([^_]+)_(\d+)")
"""The names of MJSynth's images: a number, the text, and the number of that text, which its lists have as the label."""
NUMBERS = re.compile(r"\d{1,5}( \d{1,5}){2,}")
"""What the lists for some dictionaries of Chinese have in place of a text: the places of its characters there."""
LEXICON_REMEDY = "read the names: --format filename --option pattern='[^_]*_(?P<text>[^_]*)_.*'"


def text_of(cell: Any, column: str, source: str) -> str:
    """Return the text of a cell, an empty one of a cell with nothing; raise DataError for what is none."""
    if cell is None:
        return ""
    if not isinstance(cell, str) or cell.startswith(DONUT):
        raise _no_line(cell, column, source)
    return cell


def _no_line(cell: Any, column: str, source: str) -> DataError:
    return DataError(
        f"every text in {column} must be a string, and of one line",
        f"{source}: {cell!r}"[:200],
        "put it in quotes, remove the row, or name another column with --option text=COLUMN",
    )


def require_single(rows: Sequence[Row], column: str, columns: Collection[str]) -> None:
    """Raise DataError for a cell with several texts in a table of Label Studio's, or where most cells have some."""
    cells = [(source, cells[0]) for source, cells in rows]
    several = [(source, cell) for source, cell in cells if isinstance(cell, str) and SEVERAL.fullmatch(cell)]
    if several and ({*columns} >= LABEL_STUDIO or 2 * len(several) > len(rows)):
        source, cell = several[0]
        raise _no_line(cell, column, source)


def require_texts(names: Sequence[str], texts: Sequence[Any], path: Path, chosen: bool) -> None:
    """Raise DataError where texts are numbers that stand for those in the names of the images, unless chosen so.

    There every text has its number; where one stands beside several numbers, that is said alone.
    """
    require_no_classes(path, [text for text in texts if isinstance(text, str)], chosen)
    if len(texts) > 1 and all(isinstance(text, str) and NUMBERS.fullmatch(text) for text in texts):
        note(
            f"{path}: all texts are numbers with blanks between, such as {texts[0][:40]!r}; if these are places in a "
            "dictionary, write the characters there"
        )
    found = [LEXICON.fullmatch(PurePosixPath(name).stem) for name in names]
    if not names or not all(match and match[2] == text for match, text in zip(found, texts, strict=True)):
        return
    pairs = {(match[1].casefold(), match[2]) for match in found if match}
    words, numbers = {word for word, _ in pairs}, {number for _, number in pairs}
    if not chosen and 1 < len(pairs) == len(words) == len(numbers):
        raise DataError(
            "the texts of a table must be what its images show",
            f"{path}:1: the numbers that end the names of the images, as in MJSynth's lists",
            f"{LEXICON_REMEDY}; if the images show the numbers, name their column with --option text=COLUMN",
        )
    note(
        f"{path}: the texts are the numbers that end the names of the images; if they show others, {LEXICON_REMEDY}"
    )
