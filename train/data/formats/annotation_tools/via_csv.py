"""VGG Image Annotator's CSV: a row a region, whose cells hold what its JSON has of it."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from train.data.formats.tables.image_names import require_no_rows
from train.data.formats.tables.rows import text_lines
from train.errors import DataError

NAME, SIZE, COUNT, SHAPE, ATTRIBUTES = (
    "filename",
    "file_size",
    "region_count",
    "region_shape_attributes",
    "region_attributes",
)


def is_via_csv(path: Path) -> bool:
    """Whether a file begins with the names of VIA's columns."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    try:
        first = next(text_lines(path), "")
    except DataError:
        return False
    return {NAME, COUNT, SHAPE, ATTRIBUTES} <= {*_columns(first.strip().split(","))}


def photos_in_csv(path: Path) -> list[dict[str, Any]]:
    """Return of each photo what VIA's JSON says of it: its name, and its regions."""
    photos: dict[tuple[str, str], dict[str, Any]] = {}
    for row, source in csv_rows(path):
        photo = photos.setdefault((row[NAME], row.get(SIZE, "")), {NAME: row[NAME], "regions": []})
        if shape := _object(row[SHAPE], source):
            region = {"shape_attributes": shape, ATTRIBUTES: _object(row[ATTRIBUTES], source)}
            photo["regions"].append(region)
    return list(photos.values())


def _columns(cells: list[str]) -> list[str]:
    return [cell.strip().strip('"').removeprefix("#") for cell in cells]


def csv_rows(path: Path) -> Iterator[tuple[dict[str, str], str]]:
    """Yield the rows of a CSV by column, and their `file:line`; spreadsheets may divide cells by semicolons or tabs."""
    first = next(text_lines(path), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(text_lines(path), delimiter=delimiter, strict=True)
    columns: list[str] = []
    try:
        for cells in reader:
            source = f"{path}:{reader.line_num}"
            if columns and cells and len(cells) != len(columns):
                raise DataError(
                    f"every row must have {len(columns)} cells", f"{source} with {len(cells)}", "mend it"
                )
            if columns and cells:
                require_no_rows(cells, delimiter, len(columns), source, "mend its quotes")
                yield dict(zip(columns, cells, strict=True)), source
            columns = columns or _columns(cells)
    except csv.Error as error:
        raise DataError(
            "a table must be valid CSV", f"{path}:{reader.line_num}: {error}", "export it again"
        ) from error


def _object(cell: str, source: str) -> dict[str, Any]:
    """Return the JSON object of a cell; an empty cell is an empty one."""
    try:
        content = json.loads(cell or "{}")
    except (ValueError, RecursionError) as error:
        raise DataError("a cell must be JSON", f"{source}: {str(error)[:80]}", "export it again") from error
    if not isinstance(content, dict):
        raise DataError("a cell must be a JSON object", f"{source}: {cell[:60]!r}", "export it again")
    return content
