"""A text beside each image: `NAME.gt.txt`, as tesstrain, kraken and calamari have it, else `NAME.txt`."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import islice
from pathlib import Path
from typing import ClassVar

from train.data.folders.beside import Neighbours, files_ending
from train.data.folders.image_paths import ANY_SUFFIX
from train.data.folders.left_aside import NO_LABELS
from train.data.folders.notes import note
from train.data.folders.path_forms import alike
from train.data.formats import FORMATS, Format, by_split, images_in, read_text
from train.data.formats.photo_files.yolo import is_box, is_box_of_tool
from train.data.formats.region_lists import first_line, is_corners, note_lost
from train.data.sample import Sample
from train.errors import DataError

TRUTH, PLAIN = ".gt.txt", ".txt"
NUMBERS = re.compile(r"\s*(-?\d+(\.\d+)?[\s,;]+){4}")
"""How regions begin."""
LOOKED_AT = 20


@FORMATS.register("text_files")
class TextFiles(Format):
    """A folder of images with their texts (or one each for train, val, test)."""

    task = "recognition"
    options: ClassVar[Mapping[str, str]] = {}
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders with an image and its text; coordinates of regions are no text."""
        return by_split(root, _is_ours)

    @classmethod
    def find_named(cls, root: Path) -> dict[str, Path]:
        """Return the folders with an image and its text, whatever that is."""
        return by_split(root, lambda folder: bool(_first_labels(folder)))

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image, by name, then those of a `.gt.txt` without one, and of images without a text."""
        folder = path.absolute()
        images, beside = images_in(folder), Neighbours(folder)
        used = {image: labels for image in images if (labels := _labels(image, beside))}
        unlabelled = [image for image in images if image not in used]
        used |= {folder / (labels.name[: -len(TRUTH)] + ANY_SUFFIX): labels for labels in _lost(folder, used)}
        for (image, labels), text in zip(used.items(), texts_of(used), strict=True):
            yield Sample(image, text, f"{labels}:1")
        yield from empty_samples(unlabelled, TRUTH if any(map(_is_truth, used.values())) else PLAIN)
        _tell_rest(folder, {alike(image.stem) for image in images}, {*used.values()})


def empty_samples(images: Sequence[Path], suffix: str) -> Iterator[Sample]:
    """Yield a sample without a label for each image of a folder that lacks its label file, and say how many."""
    if images:
        note(
            f"{images[0].parent}: images without a {suffix} of their name, which have no label: {len(images)}, "
            f"the first: {images[0].name}; label them or move them elsewhere"
        )
    yield from (Sample(image, "", f"{image.with_suffix(suffix)}:1", unlabelled=True) for image in images)


def _labels(image: Path, beside: Neighbours) -> Path | None:
    """Return an image's text; `a.gt.txt` is also that of `a.bin.png`, and `a.png.txt` that of `a.png`."""
    beginnings = (image.stem, image.name.partition(".")[0], image.name)
    names = (*(name + TRUTH for name in beginnings), image.stem + PLAIN, image.name + PLAIN)
    return next((path for name in names if (path := beside.find(image, name))), None)


def _is_truth(labels: Path) -> bool:
    return labels.name.lower().endswith(TRUTH)


def _lost(folder: Path, used: Mapping[Path, Path]) -> list[Path]:
    """Return each `.gt.txt` of which there is no image."""
    taken = {*used.values()}
    return [path for path in files_ending(folder, PLAIN) if _is_truth(path) and path not in taken]


def _tell_rest(folder: Path, stems: Set[str], used: Set[Path]) -> None:
    """Say how many `.txt` have no image, or stand in for a `.gt.txt`."""
    lost = [path for path in files_ending(folder, PLAIN) if path not in used]
    note_lost(folder, [path for path in lost if path.name not in NO_LABELS and not _stems(path) & stems])
    plain = sum(not _is_truth(path) for path in used)
    if 0 < plain < len(used):
        note(f"{folder}: images without a {TRUTH} whose {PLAIN} is read, which may be a reading: {plain}")


def _stems(labels: Path) -> set[str]:
    """Return the names of images that a text may be of, as a reading: `a` and `a.pred` of `a.pred.txt`."""
    parts = alike(labels.name).split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts))}


def _is_ours(folder: Path) -> bool:
    """Whether the first labels are texts: a `.txt` may as well hold coordinates."""
    labels = _first_labels(folder)
    if any(map(_is_truth, labels)):
        return True
    lines = [line for path in labels if (line := first_line(path))]
    return not any(is_corners(line) or is_box(line) for line in lines) and not all(map(is_place, lines))


def _first_labels(folder: Path) -> list[Path]:
    beside = Neighbours(folder)
    found = (_labels(image, beside) for image in images_in(folder))
    return list(islice(filter(None, found), LOOKED_AT))


def is_place(line: str) -> bool:
    """Whether a line may be a region; texts that are rows of numbers look so, too, so ask for several."""
    return bool(NUMBERS.match(line)) or is_box_of_tool(line)


def texts_of(files: Mapping[Path, Path]) -> list[str]:
    """Return the text of each image, which its file holds alone; JSON objects in most files are no texts.

    Raises:
        DataError: a file holds more than a text.
    """
    texts = {labels: read_text(labels).rstrip("\r\n") for labels in files.values()}
    objects = set(filter(lambda labels: _is_object(texts[labels]), texts))
    refused = objects if 2 * len(objects) > len(texts) else set()
    for image, labels in files.items():
        text = texts[labels]
        if text.startswith(f"{image.name}\t") or labels in refused:
            raise DataError(
                "a file beside an image must hold its text alone",
                f"{labels}:1: {text[:80]!r}",
                "write the text without what else stands there, or make a table of all of them "
                "(docs/other-tools.md)",
            )
        if "\n" in text:
            raise DataError(
                "the text of a line must be one line",
                f"{labels}:2: {text.splitlines()[1][:60]!r}",
                "put it in one line",
            )
    return [texts[labels] for labels in files.values()]


def _is_object(text: str) -> bool:
    """Whether a text is a JSON object, such as what SROIE's third task asks for."""
    try:
        return text.startswith("{") and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
