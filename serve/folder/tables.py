"""Rows to a file: JSON lines, CSV or Parquet, by the suffix of its name."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from serve.folder.rows import COLUMNS, Row
from train.data.texts.forms import is_unicode

GROUP_ROWS = 20_000
NESTED = ("rules", "checks", "alternatives")
"""JSON within a cell of a Parquet file, as their fields are a rule's; CSV has JSON for boxes, too."""
SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("page", pa.int32()),
        ("line", pa.int32()),
        ("text", pa.string()),
        ("confidence", pa.float32()),
        ("raw", pa.string()),
        ("accepted", pa.bool_()),
        ("right", pa.float32()),
        ("margin", pa.float32()),
        *((name, pa.string()) for name in NESTED),
        ("box", pa.list_(pa.list_(pa.int32()))),
    ]
)


def write_json_lines(rows: Iterable[Row], path: Path) -> None:
    """Write an object a line, UTF-8; a file name that is no Unicode stands there with escapes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            text = json.dumps(row, ensure_ascii=False)
            file.write((text if is_unicode(text) else json.dumps(row)) + "\n")


def _write_csv(rows: Iterable[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict | bool) else value


def _write_parquet(rows: Iterable[Row], path: Path) -> None:
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for group in _groups(map(_flatten, rows), GROUP_ROWS):
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))


def _flatten(row: Row) -> Row:
    nested = {
        name: None if row[name] is None else json.dumps(row[name], ensure_ascii=False) for name in NESTED
    }
    texts = {name: _escape(row[name]) for name in ("path", "text", "raw")}
    return row | nested | texts


def _escape(text: str | None) -> str | None:
    return text if text is None or is_unicode(text) else text.encode(errors="backslashreplace").decode()


def _groups(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while group := list(islice(rows, size)):
        yield group


TABLES: dict[str, Callable[[Iterable[Row], Path], None]] = {
    ".jsonl": write_json_lines,
    ".csv": _write_csv,
    ".parquet": _write_parquet,
}
"""What writes rows to a new file, by its suffix."""
