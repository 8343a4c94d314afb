"""LMDB as PaddleOCR, deep-text-recognition-benchmark and PARSeq read it: `num-samples`, `image-%09d`, `label-%09d`."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from train.data.folders.notes import note
from train.data.folders.split_names import entries, only_split_in
from train.data.folders.unpacked import unpack
from train.data.formats import FORMATS, Format, by_split
from train.data.formats.splits import files_by_split
from train.data.pictures.kinds import READABLE_SUFFIXES, image_name
from train.data.sample import Sample
from train.errors import DataError, UsageError

DATA = "data.mdb"
COUNT = b"num-samples"


@FORMATS.register("lmdb")
class Lmdb(Format):
    """A folder with `data.mdb` (or one each for train, val, test); it needs the package lmdb."""

    task = "recognition"
    options: ClassVar[Mapping[str, str]] = {}
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the `data.mdb` of a folder, or of each of its splits."""
        if root.is_file():
            return {"all": root} if root.name == DATA or root.suffix.lower() == ".lmdb" else {}
        if not (files := by_split(root, _is_ours)):
            others = (path for path in entries(root) if path.suffix.lower() not in READABLE_SUFFIXES)
            inner = list(filter(_is_ours, others))
            told = all(only_split_in(path.stem) for path in inner)
            files = files_by_split(root, inner) if told else {}  # train.lmdb and its like
        return {split: folder / DATA for split, folder in files.items()}

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a number, from 1."""
        path = path.absolute()
        with _opened(path) as held:
            count = _count(held, path)
            if held.get(f"image-{count + 1:09d}".encode()) is not None:
                note(f"{path}: it holds more images than its num-samples, {count}, which alone are read")
            folder = unpack([path], "lmdb 1", lambda: _images(held, count, path))
            for number, image in enumerate(sorted(folder.iterdir()), 1):
                yield Sample(image, _label(held, number, path), f"{path}:{number}")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Give a transaction that reads; LMDB's own errors become one line."""
    try:
        import lmdb
    except ModuleNotFoundError as error:
        raise UsageError(
            "reading LMDB needs the package lmdb", "not installed", "pip install -e '.[lmdb]'"
        ) from error
    try:
        options: dict[str, Any] = {"readonly": True, "lock": False, "readahead": False, "create": False}
        with lmdb.open(str(path), subdir=False, **options) as database:
            _require_whole(database, path)
            with database.begin() as held:
                yield held
    except lmdb.Error as error:
        raise DataError(
            "LMDB must be readable",
            f"{path}: {str(error).removeprefix(f'{path}: ')}",
            "copy or make it again",
        ) from error


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds an LMDB; one that may not be entered, as `lost+found`, is none."""
    return os.path.isfile(folder / DATA)


def _require_whole(database: Any, path: Path) -> None:
    """Raise DataError for a file that was cut off: reading its lost pages would end the process."""
    needed, size = (database.info()["last_pgno"] + 1) * database.stat()["psize"], path.stat().st_size
    if size < needed:
        raise DataError(
            "LMDB must be whole", f"{path} with {size} of {needed} bytes", "copy or make it again"
        )


def _count(held: Any, path: Path) -> int:
    count = held.get(COUNT)
    if count is None or not bytes(count).isdigit():
        raise DataError(
            "LMDB must hold num-samples as PaddleOCR's does",
            f"{path} with {'none' if count is None else bytes(count)[:20]!r}",
            "make it by PaddleOCR's rules: num-samples, image-000000001, label-000000001 ...",
        )
    return int(count)


def _images(held: Any, count: int, path: Path) -> Iterator[tuple[str, bytes]]:
    for number in range(1, count + 1):
        content = _value(held, "image", number, path)
        yield image_name(number, content), content


def _label(held: Any, number: int, path: Path) -> str:
    label = _value(held, "label", number, path)
    try:
        return label.decode()
    except UnicodeDecodeError as error:
        raise DataError(
            "a label must be UTF-8", f"{path}:{number}: {label[:40]!r}", "make it again"
        ) from error


def _value(held: Any, kind: str, number: int, path: Path) -> bytes:
    value = held.get(f"{kind}-{number:09d}".encode())
    if value is None:
        raise DataError(
            f"every sample up to num-samples must have an {kind}"
            if kind == "image"
            else "every sample up to num-samples must have a label",
            f"{path}:{number} without",
            "make the LMDB again",
        )
    return bytes(value)
