"""Single-character sets: `samples.csv` (path, character, id) beside `id2char.json`."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from train.data.folders.image_paths import locate
from train.data.formats import FORMATS, Format, by_split, read_text
from train.data.formats.json_files import read_json
from train.data.sample import Sample
from train.errors import DataError

TABLE, NAMES = "samples.csv", "id2char.json"
COLUMNS = ("path", "character", "id")


@FORMATS.register("samples_csv")
class SamplesCsv(Format):
    """A folder (or one each for train, val, test) whose paths are relative to it or `--root`."""

    task = "recognition"

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the tables that have an `id2char.json` beside them."""
        if root.name == TABLE and _is_ours(root.parent):
            return {"all": root}
        return {split: folder / TABLE for split, folder in by_split(root, _is_ours).items()}

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a row, checked against `id2char.json`."""
        characters = _characters(path.parent / NAMES)
        rows = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
        with _csv_errors(rows, path):
            columns = rows.fieldnames or ()
        _require_columns(columns, path)
        found = []
        while row := _next(rows, path):
            source = f"{path}:{rows.line_num}"
            _require_agreement(row, characters, source)
            found.append((row["path"], row["character"], source))
        paths = locate(path, [name for name, *_ in found], options.get("root", ""))
        yield from (Sample(paths[name], character, source) for name, character, source in found)


def _is_ours(folder: Path) -> bool:
    return (folder / TABLE).is_file() and (folder / NAMES).is_file()


def _next(rows: "csv.DictReader[str]", path: Path) -> dict[str, str] | None:
    with _csv_errors(rows, path):
        return next(rows, None)


@contextmanager
def _csv_errors(rows: "csv.DictReader[str]", path: Path) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise DataError(
            "a table must be valid CSV", f"{path}:{rows.reader.line_num}: {error}", "mend its quotes"
        ) from error


def _characters(path: Path) -> dict[str, str]:
    characters = read_json(path)
    if not isinstance(characters, dict) or not all(isinstance(c, str) for c in characters.values()):
        raise DataError(f"{NAMES} must map ids to characters", f"{path}:1", 'write {"0": "A", "1": "B"}')
    return characters


def _require_columns(found: Collection[str], path: Path) -> None:
    missing = [column for column in COLUMNS if column not in found]
    if missing:
        raise DataError(
            f"{TABLE} must have the columns {', '.join(COLUMNS)}",
            f"{path}:1 without {', '.join(missing)}",
            "name them in the first line",
        )


def _require_agreement(row: Mapping[str, str | None], characters: Mapping[str, str], source: str) -> None:
    if None in row.values() or not row["path"]:
        raise DataError("a row must have a path, a character and an id", source, "fill its empty fields")
    expected = characters.get(str(row["id"]))
    if expected != row["character"]:
        raise DataError(
            f"character and id must agree with {NAMES}",
            f"{source}: character {row['character']!r}, id {row['id']} which is {expected!r} there",
            f"correct the row or {NAMES}",
        )
