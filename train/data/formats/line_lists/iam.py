"""The IAM handwriting database: `lines.txt` or `words.txt`, with the images `a01/a01-000u/a01-000u-00.png` near it."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar

from train.data.folders.notes import note
from train.data.formats import FORMATS, ROOT, Format, by_split, itself
from train.data.formats.line_lists.iam_further import documents_of, splits_of, texts_of
from train.data.formats.places import find_images, image_called
from train.data.formats.region_lists import lines_of
from train.data.sample import Sample
from train.errors import DataError, UsageError

LINES, WORDS, ASCII = "lines", "words", "ascii"
LINE = re.compile(r"(\w+-\w+-\w+) (ok|err?)(?: -?\d+){6}(?: (.*))?")
WORD = re.compile(r"(\w+-\w+-\w+-\w+) (ok|err?)(?: -?\d+){5,6} \S+(?: (.*))?")
"""Name, state, grey level, in lines the number of parts, a box, in words the part of speech, and the text."""
COMMENT, BETWEEN_WORDS, STRUCK_OUT = "#", "|", "#"
LOOKED_AT, LONGEST_HEADER = 20, 1000
KEEP, SKIP, AUTO = "keep", "skip", "auto"


@dataclass(frozen=True)
class _Row:
    """What one row says.

    Attributes:
        name: of the image: form, line and, where it is of a word, that.
        is_cut_well: whether IAM says so of its words.
        text: with blanks between the words.
        source: `file:line`.
    """

    name: str
    is_cut_well: bool
    text: str
    source: str

    @property
    def names(self) -> tuple[str, str, str]:
        """The image, its line and its form."""
        parts = self.name.split("-")
        return self.name, "-".join(parts[:3]), "-".join(parts[:2])

    @property
    def kind(self) -> str:
        """What it is of: LINES or WORDS."""
        return WORDS if self.name != self.names[1] else LINES


@FORMATS.register("iam")
class Iam(Format):
    """One of both files, in a folder, in its `ascii`, or in a folder for each split.

    Option `err`: whether rows of the state `err` are kept. By default those of lines are, whose words alone are cut
    badly then, and those of words are not.
    """

    task = "recognition"
    options: ClassVar[Mapping[str, str]] = {"err": AUTO, **ROOT}
    turn = 3

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return `lines.txt`, or `words.txt` where that is alone or has the images."""
        if root.is_file():
            return itself(root, ".txt", is_iam)
        folders = by_split(root, lambda folder: bool(_labels(folder))) or by_split(
            root / ASCII, lambda folder: bool(_labels(folder))
        )
        return {split: _labels(folder)[0] for split, folder in folders.items()}

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a row, of the official task's lines alone where its lists lie there."""
        path, root = path.absolute(), options.get("root", "")
        rows = _without_errors(list(_rows(path)), options.get("err", AUTO), path)
        around = _around(path)
        splits = splits_of(path, around, [row.names for row in rows])
        rows = [row for row in rows if row.name in splits]
        places = [Path(root)] if root else _places(path, rows)
        files = _files(rows, places)
        paths = find_images(path, list(files.values()), root, places)
        texts = texts_of(path, around, {row.name: row.text for row in rows if row.kind == LINES})
        documents = documents_of(around, {row.names[-1] for row in rows})
        _note_struck_out(path, rows)
        for row in rows:
            yield Sample(
                paths[files[row.name]],
                texts.get(row.name, row.text),
                row.source,
                splits[row.name],
                document=documents[row.names[-1]],
            )


def is_iam(path: Path) -> bool:
    """Whether the first line of a file that is no comment is a row of IAM's."""
    if path.suffix.lower() != ".txt" or not path.is_file():
        return False
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            beginning = islice(lines, LONGEST_HEADER)
            first = next((line for line in beginning if line.strip() and not line.startswith(COMMENT)), "")
    except OSError:
        return False
    return _match(first.rstrip("\r\n")) is not None


def _match(line: str) -> re.Match[str] | None:
    return LINE.fullmatch(line) or WORD.fullmatch(line)


def _rows(path: Path) -> Iterator[_Row]:
    for line, source in lines_of(path):
        if line.startswith(COMMENT):
            continue
        match = _match(line)
        if match is None:
            raise DataError(
                "a row must be as `a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE`",
                f"{source}: {line[:80]!r}",
                "mend that row, or remove it",
            )
        name, state, text = match.groups()
        is_line = match.re is LINE
        yield _Row(
            name, state == "ok", (text or "").replace(BETWEEN_WORDS, " ") if is_line else text or "", source
        )


def _without_errors(rows: Sequence[_Row], option: str, path: Path) -> list[_Row]:
    """Return the rows whose images are kept, and say how many are not."""
    if option not in (AUTO, KEEP, SKIP):
        raise UsageError(f"err must be {AUTO}, {KEEP} or {SKIP}", repr(option), "write --option err=keep")
    if option == KEEP:
        return list(rows)
    kept = [row for row in rows if row.is_cut_well or (option == AUTO and row.kind == LINES)]
    if left := len(rows) - len(kept):
        note(f"{path}: rows of the state err are left aside: {left}; --option err=keep keeps them")
    return kept


def _labels(folder: Path) -> list[Path]:
    """Return IAM's files in a folder, those whose images are there first."""
    files = [path for kind in (LINES, WORDS) if is_iam(path := folder / f"{kind}.txt")]
    return sorted(files, key=lambda path: len(files) > 1 and not _has_images(path))


def _has_images(path: Path) -> bool:
    rows = list(islice(_rows(path), LOOKED_AT))
    return _layout(rows, _places(path.absolute(), rows)) is not None


def _around(path: Path) -> list[Path]:
    """Return the folder of a file, and the one above if it is `ascii`."""
    folder = path.parent
    return [folder, folder.parent] if folder.name.lower() == ASCII else [folder]


def _places(path: Path, rows: Sequence[_Row]) -> list[Path]:
    """Return where images may lie, the file's own folder first."""
    inner = (rows[0].kind, f"data/{rows[0].kind}", "images") if rows else ()
    around = _around(path)
    folders = [*around, *(place / name for name in inner for place in around)]
    return [path.parent, *(folder for folder in folders[1:] if folder.is_dir())]


def _nested(row: _Row) -> str:
    form = row.names[-1]
    return f"{form.partition('-')[0]}/{form}/{row.name}"


def _flat(row: _Row) -> str:
    return row.name


def _layout(rows: Sequence[_Row], places: Sequence[Path]) -> tuple[Callable[[_Row], str], str] | None:
    """Return how images lie in their folders, and their suffix, by the first ones; None where there are none."""
    tries = (
        (place, shape, row) for place in places for shape in (_nested, _flat) for row in rows[:LOOKED_AT]
    )
    return next(
        ((shape, image.suffix) for place, shape, row in tries if (image := image_called(place / shape(row)))),
        None,
    )


def _files(rows: Sequence[_Row], places: Sequence[Path]) -> dict[str, str]:
    """Return the path of each image in its folder."""
    shape, suffix = _layout(rows, places) or (_nested, ".png")
    return {row.name: shape(row) + suffix for row in rows}


def _note_struck_out(path: Path, rows: Sequence[_Row]) -> None:
    if struck := sum(STRUCK_OUT in row.text.split(" ") for row in rows):
        note(f"{path}: texts with {STRUCK_OUT}, which stands for words that are struck out: {struck}")
