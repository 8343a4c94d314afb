"""PaddleOCR's recognition lists: `path<TAB>text`, or `["a.jpg", "b.jpg"]<TAB>text`."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.formats import FORMATS, SPLITS, only_list, read_text
from train.data.sample import Sample
from train.errors import DataError

LISTS = ("rec_gt_{}.txt", "{}_list.txt")
WHOLE = "rec_gt.txt"
DETECTION = '[{"transcription"'


@FORMATS.register("paddleocr")
class PaddleOCR:
    """Lists with paths relative to their own folder; `rec_gt.txt` is read only where it stands alone."""

    task: ClassVar[str] = "recognition"
    options: ClassVar[Mapping[str, str]] = {}
    explicit: ClassVar[frozenset[str]] = frozenset()

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return `rec_gt_<split>.txt` or `<split>_list.txt` by split, else `rec_gt.txt` as `all`."""
        if root.is_file():
            return {"all": root} if root.suffix == ".txt" else {}
        files = {split: path for split in SPLITS if (path := _list_of(root, split))}
        whole = root / WHOLE
        return files or ({"all": whole} if whole.is_file() else {})

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a path; blank lines are passed over."""
        folder = path.absolute().parent
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if line.strip(" \r"):
                names, text = _parse(line.removesuffix("\r"), f"{path}:{number}")
                yield from (Sample(folder / name, text, f"{path}:{number}") for name in names)


def _list_of(root: Path, split: str) -> Path | None:
    paths = [path for name in LISTS if (path := root / name.format(split)).is_file()]
    return only_list(root, split, paths)


def _parse(line: str, source: str) -> tuple[list[str], str]:
    name, *texts = line.split("\t")
    if len(texts) != 1 or not name:
        raise DataError(
            "a label line must be `path<TAB>text` with one tab",
            f"{source}: {line[:80]!r}",
            "put exactly one tab between path and text",
        )
    if texts[0].startswith(DETECTION):
        raise DataError(
            "a recognition label must be a text",
            f"{source}: boxes ({texts[0][:40]}...)",
            "use the rec_gt list; det_gt lists are for the detection task",
        )
    return _names(name, source), texts[0]


def _names(field: str, source: str) -> list[str]:
    if not (field.startswith("[") and field.endswith("]")):
        return [field]
    try:
        names = json.loads(field)
    except json.JSONDecodeError:
        names = None
    if not names or not all(isinstance(name, str) and name for name in names):
        raise DataError(
            "several paths of one text must be a JSON list of strings",
            f"{source}: {field[:80]}",
            'write ["a.jpg", "b.jpg"]',
        )
    return list(names)
