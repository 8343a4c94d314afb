"""Tables in Parquet or Arrow, as Hugging Face's data sets are: an image is bytes, or a pair of bytes and path."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from train.data.folders.unpacked import unpack
from train.data.formats.tables.image_names import PATH
from train.data.formats.tables.rows import Row, Table
from train.data.pictures.kinds import image_name
from train.errors import DataError

ROWS = 64
"""So many rows are in memory together: a row may hold an image."""
PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})")
"""The name of a part of a table, as the Hub has it."""
NUMBERED = re.compile(r"\d{4}\.parquet")
FIRST = "0000.parquet"
"""Names of parts in the Hub's own conversion to Parquet, which has a folder for each split: all of it are a table."""
BYTES = "bytes"
KRAKEN = "lines"
"""The column of what `ketos compile` writes."""
ARROW, MAGIC = ".arrow", b"ARROW1"


def parquet_table(path: Path) -> Table:
    """Return the table of a Parquet or Arrow file, or a folder of them; as `parts_of`."""
    from pyarrow import types

    parts = parts_of(path)
    schema = _schema(parts[0])
    if KRAKEN in schema.names and {"text", "im"} <= _fields(schema.field(KRAKEN).type).keys():
        raise DataError(
            "a table must hold images and texts",
            f"{path}: lines that kraken compiled",
            "name what they were compiled from: the images with their .gt.txt, or the PAGE or ALTO files",
        )
    images = tuple(column.name for column in schema if _holds_images(column.type))
    texts = (types.is_string, types.is_large_string, types.is_string_view)

    def is_text(kind: Any) -> bool:
        kind = kind.value_type if types.is_dictionary(kind) else kind
        return any(check(kind) for check in texts)

    unfit = {column.name: str(column.type) for column in schema if not is_text(column.type)}
    return Table(tuple(schema.names), lambda columns: _rows(parts, columns), images=images, unfit=unfit)


def holds_images(path: Path, column: str) -> bool:
    """Whether a column of images holds one or more: `datasets` may have saved their paths alone."""
    cells = (cell for _, (cell,) in _rows(parts_of(path), [column]))
    first = next(cells, None)
    if not isinstance(first, dict) or first.get(BYTES) or not first.get(PATH):
        return True
    return any(isinstance(cell, dict) and cell.get(BYTES) for cell in cells)


def parquet_images(path: Path, column: str) -> list[Path]:
    """Return the images of a column, row by row, as files that are unpacked once."""
    parts = parts_of(path)
    folder = unpack(parts, f"parquet 1 {column}", lambda: _images(parts, column))
    return sorted(folder.iterdir())


def _images(parts: Sequence[Path], column: str) -> Iterator[tuple[str, bytes]]:
    """Yield a file name and the content of every image."""
    for number, (source, (cell,)) in enumerate(_rows(parts, [column])):
        content = cell.get(BYTES) if isinstance(cell, dict) else cell
        if not content:
            raise DataError(
                f"every row must have an image in {column}", f"{source} without", "add it or remove the row"
            )
        yield image_name(number, content), content


def is_first(path: Path) -> bool:
    """Whether a file is no further part of a table that is read together."""
    if NUMBERED.fullmatch(path.name) and path.with_name(FIRST).is_file():
        return path.name == FIRST
    return parts_of(path)[0] == path


def parts_of(path: Path) -> list[Path]:
    """Return all files of the table that a folder is, or a file a part of, in order; raise DataError without one.

    A file with a number alone is a part where its folder is read, and a table of its own where it is named itself.
    """
    folder = path if path.is_dir() else path.parent
    if path.is_dir():
        count = sum(bool(NUMBERED.fullmatch(other.name)) for other in path.iterdir())
        names = [f"{number:04d}.parquet" for number in range(count)]
    elif match := PART.fullmatch(path.stem):
        names = [
            f"{match['stem']}-{number:05d}-of-{match['count']}{path.suffix}"
            for number in range(int(match["count"]))
        ]
    else:
        names = [path.name]
    parts = [folder / name for name in names]
    if missing := [part.name for part in parts if not part.is_file()]:
        raise DataError(
            "a table in parts must be whole",
            f"{folder} without {', '.join(missing[:3])}",
            "add them, or rename the part to read it alone",
        )
    return parts


def _schema(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.suffix.lower() != ARROW:
            return pq.read_schema(path)
        with pa.memory_map(str(path)) as held:
            return _stream(held).schema
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _stream(held: Any) -> Any:
    """Return the reader of an Arrow file, which `datasets` writes as a stream and others with an index."""
    import pyarrow as pa

    indexed = held.read(len(MAGIC)) == MAGIC
    held.seek(0)
    return pa.ipc.open_file(held) if indexed else pa.ipc.open_stream(held)


def _batches(path: Path, columns: list[str]) -> Iterator[Any]:
    """Yield these columns of a file, some rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix.lower() != ARROW:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(ROWS, columns=columns)
        return
    with pa.memory_map(str(path)) as held:
        reader = _stream(held)
        indexed = isinstance(reader, pa.ipc.RecordBatchFileReader)
        for batch in (reader.get_batch(i) for i in range(reader.num_record_batches)) if indexed else reader:
            chosen = batch.select(columns)
            yield from (chosen.slice(start, ROWS) for start in range(0, len(chosen), ROWS))


def _rows(parts: Sequence[Path], columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of all parts, with only these columns read."""
    import pyarrow as pa

    for path in parts:
        number = 0
        try:
            for batch in _batches(path, list(columns)):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}:{number}", [row[column] for column in columns]
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise _unreadable(path, error) from error


def _holds_images(kind: Any) -> bool:
    from pyarrow import types

    def is_bytes(inner: Any) -> bool:
        return bool(types.is_binary(inner) or types.is_large_binary(inner))

    inner = _fields(kind)
    return (BYTES in inner and is_bytes(inner[BYTES])) if inner else is_bytes(kind)


def _fields(kind: Any) -> dict[str, Any]:
    """Return the types of what an object of a column holds, by name; nothing for another column."""
    from pyarrow import types

    parts = [kind.field(i) for i in range(kind.num_fields)] if types.is_struct(kind) else []
    return {part.name: part.type for part in parts}


def _unreadable(path: Path, error: Exception) -> DataError:
    line, kind = " ".join(str(error).split())[:100], path.suffix[1:].capitalize()
    return DataError(
        f"a table must be readable {kind}",
        f"{path}:1: {line}",
        "save or download it again",
    )
