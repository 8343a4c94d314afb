"""What lies beside IAM's rows: the official lists of splits, who wrote a form, and the texts as they are written."""

import html
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from train.data.folders.documents import FEWEST
from train.data.folders.notes import note
from train.data.folders.split_names import entries, split_within
from train.data.formats.photo_files.voc import parse_xml
from train.data.formats.places import has_image_name
from train.data.formats.region_lists import first_line, lines_of
from train.errors import DataError

APART = re.compile(" [.,;:!?]")
LISTS = (".txt", ".lst", ".uttlist")
FORMS, XML = "forms.txt", "xml"
NAME = re.compile(r"[a-z]\d\d-\d{3}[a-z]?(-\d\d){0,2}")
"""What IAM's own forms, lines and words are called."""


def splits_of(path: Path, around: Sequence[Path], rows: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return the split of each image that the lists beside a file tell, empty where there are none.

    Where a list is for train, an image that stands in none is left out, as it is in the official task.

    Args:
        path: the file.
        around: the folders where lists may lie, or in a folder of them.
        rows: of each image its name, that of its line and that of its form: lists hold any of them.
    """
    listed = _listed(path, around, {name for names in rows for name in names})
    told = {names[0]: next((listed[name] for name in names if name in listed), "") for names in rows}
    if listed and not any(told.values()):
        note(f"{path}: lists of splits lie beside it, but name none of its images")
    if "train" not in told.values():
        return told
    kept = {name: split for name, split in told.items() if split}
    if left := len(told) - len(kept):
        note(f"{path}: images that the lists of splits beside it do not name are left aside: {left}")
    return kept


def _listed(path: Path, around: Sequence[Path], known: Collection[str]) -> dict[str, str]:
    """Return the split of each name that stands in a list."""
    found: dict[str, str] = {}
    for file in _lists(path, around, known):
        split = split_within(file.stem) or ""
        for line, source in lines_of(file):
            name = _name(line)
            if not name or " " in name:
                raise DataError(
                    "a list of a split must name a form, a line or a word in each line",
                    f"{source}: {line[:60]!r}",
                    "mend that line, or move the list elsewhere",
                )
            if found.setdefault(name, split) != split:
                raise DataError(
                    "an image must stand in one split",
                    f"{source}: {name} in {found[name]}, too",
                    "remove one",
                )
    return found


def _lists(path: Path, around: Sequence[Path], known: Collection[str]) -> Iterator[Path]:
    """Yield the files that are called as a split is and begin with a name."""
    folders = [*around, *(inner for folder in around for inner in entries(folder) if inner.is_dir())]
    for file in (file for folder in dict.fromkeys(folders) for file in entries(folder)):
        is_called_so = file.suffix.lower() in LISTS and file != path and split_within(file.stem)
        if is_called_so and file.is_file():
            name = _name(first_line(file))
            if name in known or NAME.fullmatch(name):
                yield file


def _name(line: str) -> str:
    """Return the name of an image that a line holds alone, or that its path ends in."""
    name = PurePosixPath(line.strip()).name
    return PurePosixPath(name).stem if has_image_name(name) else name


def documents_of(around: Sequence[Path], forms: Collection[str]) -> dict[str, str]:
    """Return who wrote each form, by `forms.txt`; the form itself where nobody says it, or these are a few hands."""
    file = next((path for folder in around if (path := folder / FORMS).is_file()), None)
    rows = (line.split() for line, _ in lines_of(file) if not line.startswith("#")) if file else ()
    writers = {row[0]: f"writer {row[1]}" for row in rows if len(row) > 1}
    known = {form: writers.get(form, form) for form in forms}
    return known if len({*known.values()}) >= FEWEST else {form: form for form in forms}


def texts_of(path: Path, around: Sequence[Path], lines: Mapping[str, str]) -> dict[str, str]:
    """Return the texts of lines as IAM's folder `xml` has them: without the blanks before punctuation.

    Args:
        path: the file of the lines.
        around: the folders where `xml`, or what is in it, may lie.
        lines: of each line its text in that file, whose letters must be the same.
    """
    if not lines:
        return {}
    folders = [*(folder / XML for folder in around), *around]
    forms = sorted({name.rpartition("-")[0] for name in lines})
    places = (folder / f"{form}.xml" for form in forms for folder in folders)
    files = [file for file in places if file.is_file()]
    if not files:
        if any(map(APART.search, lines.values())):
            note(
                f"{path}: blanks stand before punctuation; put IAM's folder xml beside it for texts without them"
            )
        return {}
    # what was escaped twice, as `&amp;quot;`
    written = {
        line.get("id", ""): html.unescape(line.get("text", ""))
        for file in files
        for line in parse_xml(file).iter("line")
    }
    found = {name: written[name] for name in lines if name in written}
    same = {name: text for name, text in found.items() if _letters(text) == _letters(lines[name])}
    if other := len(lines) - len(same):
        note(f"{path}: lines whose texts the XML lacks, or has with other letters, keep their own: {other}")
    return same


def _letters(text: str) -> str:
    return "".join(text.split())
