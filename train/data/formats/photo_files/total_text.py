"""Total-Text's `poly_gt_NAME.txt`: outlines as `x: [[..]], y: [[..]], ornt: [..], transcriptions: [..]`."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from train.data.folders.beside import files_ending
from train.data.formats import FORMATS, Format, read_text
from train.data.formats.apart import ImagesAround, find_apart
from train.data.formats.region_lists import first_line
from train.data.formats.splits import TRIED
from train.data.photos.regions import Region, as_region, label_of
from train.data.sample import Sample
from train.errors import DataError

PREFIX = "poly_gt_"
NUMBERS = r"\[\[\s*((?:-?(?:\d+\.?\d*|\.\d+)(?:\s+|(?=\])))*)\]\]"
REGION = re.compile(
    rf"x: {NUMBERS}, y: {NUMBERS}, ornt: \[[^\]]*\], transcriptions: \[(?:u?'(.*?)'|u?\"(.*?)\")?\]$",
    re.MULTILINE | re.DOTALL,
)
BEGINS = "x: [["
UNREAD = "#"


@FORMATS.register("total_text")
class TotalText(Format):
    """The folders of its text files, with the images beside theirs: `Groundtruth/Polygon/Train`, `Images/Train`."""

    task = "detection"
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders of labels by split."""
        return find_apart(root, _is_ours, "Total-Text's labels")

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a label file, by name."""
        folder = path.absolute()
        images = ImagesAround(folder, options.get("root", ""))
        for labels in _labels(folder):
            name = labels.stem[len(PREFIX) :]
            image = images.find(name, labels, f"each {PREFIX}NAME.txt must have one image NAME.*")
            yield Sample(image, label_of(_regions(labels)), f"{labels}:1")


def _labels(folder: Path) -> list[Path]:
    return [path for path in files_ending(folder, ".txt") if path.name.startswith(PREFIX)]


def _is_ours(folder: Path) -> bool:
    return any(first_line(path).startswith(BEGINS) for path in _labels(folder)[:TRIED])


def _regions(labels: Path) -> Iterator[Region]:
    text, end = read_text(labels), 0
    for match in REGION.finditer(text):
        _require_blank(text, end, match.start(), labels)
        end = match.end()
        x, y = match[1].split(), match[2].split()
        if len(x) != len(y):
            raise _malformed(text, match.start(), labels)
        numbers = [float(number) for pair in zip(x, y, strict=True) for number in pair]
        told = match[3] or match[4] or ""
        yield as_region(numbers, told, told == UNREAD)
    _require_blank(text, end, len(text), labels)


def _require_blank(text: str, start: int, end: int, labels: Path) -> None:
    if text[start:end].strip():
        raise _malformed(text, start + len(text[start:end]) - len(text[start:end].lstrip()), labels)


def _malformed(text: str, at: int, labels: Path) -> DataError:
    return DataError(
        "a region must be `x: [[..]], y: [[..]], ornt: [..], transcriptions: [..]`, as many x as y",
        f"{labels}:{text.count(chr(10), 0, at) + 1}: {text[at : at + 60]!r}",
        "mend it there",
    )
