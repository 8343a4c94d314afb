"""What the readers of regions share: lists by split, told apart by their first line, and lines of eight numbers."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from train.data.folders.notes import note
from train.data.folders.split_names import lists_or_whole
from train.data.formats import read_text
from train.data.photos.regions import IGNORED, Region, as_region, has_further_field
from train.errors import DataError, UsageError

LISTS = ("det_gt_{}.txt", "{}_icdar2015_label.txt", "{}.txt")
WHOLE = "det_gt.txt"
CORNERS = 8
CTW_MARK = "####"
MORE_CORNERS = re.compile(r"(-?\d+(\.\d+)?,){2}")
QUOTED = re.compile('".*"')
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def find_lists(root: Path, ours: Callable[[str], bool]) -> dict[str, Path]:
    """Return the lists of a folder by split, `det_gt.txt` as `all` where train has none.

    Args:
        root: a folder, or one list.
        ours: whether a list's first line is of the format.
    """
    if root.is_file():
        return {"all": root} if root.suffix.lower() == ".txt" and ours(first_line(root)) else {}
    return lists_or_whole(root, LISTS, WHOLE, lambda path: ours(first_line(path)))


def lists_among(files: Sequence[Path], ours: Callable[[str], bool]) -> list[Path]:
    """Return the lists among some files, whatever they are called, by their first line; none in UTF-16."""
    found = []
    for path in files:
        with suppress(DataError):
            found += [path] if path.suffix.lower() == ".txt" and ours(first_line(path)) else []
    return found


def first_line(path: Path) -> str:
    """Return the first line that tells what a list holds: not blank, no photo without a text if there is another."""
    first = ""
    for line in first_lines(path):
        first = first or line
        _, tab, label = line.partition("\t")
        if not tab or label.strip() not in ("", "[]"):
            return line
    return first


def first_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file that are not blank, to tell what it holds.

    What is not UTF-8 is replaced, but a file in UTF-16, which would look as if it held something else, is refused.
    """
    try:
        with path.open("rb") as file:
            start = file.read(2)
            if start in UTF_16 or b"\0" in start:
                raise DataError("a label file must be UTF-8", f"{path}: UTF-16", "save it as UTF-8")
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            yield from (text.strip("\ufeff\r\n") for text in lines if text.strip())
    except OSError as error:
        raise DataError(
            "a label file must be readable", f"{path}: {error.strerror}", "check the path"
        ) from error


def is_regions(label: str) -> bool:
    """Whether a label begins as PaddleOCR's list of regions does."""
    return re.match(r"\s*\[\s*[{\]]", label) is not None


def lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (line, `file:line`) of a file's lines that are not blank; a byte-order mark before any of them is none.

    Lines end in LF, CRLF or, as some Windows programs write it, CR CR LF; in CR where the file has no other end.
    """
    text = read_text(path)
    for number, line in enumerate(text.split("\n" if "\n" in text else "\r"), 1):
        if line.strip(" \r\ufeff"):
            yield line.lstrip("\ufeff").rstrip("\r"), f"{path}:{number}"


def named_line(line: str, source: str) -> tuple[str, str]:
    """Return the path and the label of `path<TAB>label`."""
    name, tab, label = line.partition("\t")
    if not tab or not name:
        raise DataError(
            "a label line must be `path<TAB>regions`", f"{source}: {line[:80]!r}", "put a tab behind the path"
        )
    return name, label


def is_corners(line: str) -> bool:
    """Whether a line begins with eight numbers."""
    fields = line.split(",")
    return len(fields) >= CORNERS and all(map(_is_number, fields[:CORNERS]))


def corner_region(line: str, source: str, skip: int = 0) -> Region:
    """Return the region of `x1,y1,x2,y2,x3,y3,x4,y4,text`; the text may hold commas, and may be missing.

    CTW1500's outlines may have more corners, and have `####` before the text; see `plain_texts`.

    Args:
        skip: fields between the corners and the text, such as the script of ICDAR's MLT sets.
    """
    if not is_corners(line):
        raise DataError(
            "a region must be `x1,y1,x2,y2,x3,y3,x4,y4,text`", f"{source}: {line[:80]!r}", "mend that line"
        )
    outline, mark, told = line.partition(f",{CTW_MARK}")
    numbers = outline.split(",") if mark else []
    if len(numbers) > CORNERS and len(numbers) % 2 == 0 and all(map(_is_number, numbers)):
        return as_region([float(number) for number in numbers], told)
    fields = line.split(",", CORNERS + skip)
    text = fields[CORNERS + skip] if len(fields) > CORNERS + skip else ""
    return as_region([float(field) for field in fields[:CORNERS]], text)


def note_lost(folder: Path, lost: Sequence[Path]) -> None:
    """Say how many label files of a folder have no image of their name."""
    if lost:
        note(f"{folder}: label files without an image of their name: {len(lost)}, the first: {lost[0].name}")


def plain_texts(path: Path, photos: Sequence[list[Region]], skip: int) -> list[list[Region]]:
    """Return the regions of a set, without the quotation marks in which every text of it stands, as in RCTW's.

    Nor are they with CTW1500's mark before texts, where all have it, or an outline has more than four corners.
    It is said where every text begins with a field that is none of it, and `skip` passes over none.
    """
    texts = [region.text for regions in photos for region in regions if region.text]
    curved = any(2 * len(region.points) > CORNERS for regions in photos for region in regions)
    if curved or (len(texts) > 1 and all(text.startswith(CTW_MARK) for text in texts)):
        photos = [
            [_with_text(region, region.text.removeprefix(CTW_MARK)) for region in regions]
            for regions in photos
        ]
    texts = [region.text for regions in photos for region in regions if region.text]
    if texts and all(text.startswith(" ") for text in texts):  # as behind each of the other commas
        photos = [
            [_with_text(region, region.text.removeprefix(" ")) for region in regions] for regions in photos
        ]
    texts = [region.text for regions in photos for region in regions if region.text and not region.ignored]
    if not skip and has_further_field(texts):
        note(f"{path}: all texts begin as {texts[0][:40]!r}; --option skip=1 passes over that field")
    if len(texts) > 1 and all(map(MORE_CORNERS.match, texts)):
        note(
            f"{path}: all texts begin as {texts[0][:40]!r}; outlines of more than four corners are not read so"
        )
    if not texts or not all(map(QUOTED.fullmatch, texts)):
        return list(photos)
    note(f"{path}: every text stands in quotation marks, which are taken for no part of it")
    return [[_unquoted(region) for region in regions] for regions in photos]


def _unquoted(region: Region) -> Region:
    text = region.text[1:-1] if QUOTED.fullmatch(region.text) else region.text
    return _with_text(region, text.replace('""', '"') if '"' not in text.replace('""', "") else text)


def _with_text(region: Region, text: str) -> Region:
    return replace(region, text=text, ignored=region.ignored or text in IGNORED)


def skipped_fields(value: str) -> int:
    """Return the option `skip` as a number."""
    if not value.isdecimal():
        raise UsageError("skip must be a number of fields", repr(value), "write --option skip=1")
    return int(value)


def _is_number(field: str) -> bool:
    try:
        return math.isfinite(float(field))
    except ValueError:
        return False
