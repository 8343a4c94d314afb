"""A text for each image as `text_files` has it, in a folder beside theirs: `labels/a.txt` and `images/a.png`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.folders.beside import files_ending
from train.data.formats import FORMATS, ROOT, images_in
from train.data.formats.apart import ImagesAround, find_apart
from train.data.formats.places import TRIED
from train.data.formats.text_files import COORDINATES, PLAIN, TRUTH, text_of_line
from train.data.sample import Sample
from train.errors import DataError

RULE = "every text must have one image of its name, in a folder beside its own"


@FORMATS.register("text_folders")
class TextFolders:
    """The folders of texts; a split is told by their names, or by those of folders above."""

    task: ClassVar[str] = "recognition"
    options: ClassVar[Mapping[str, str]] = ROOT
    explicit: ClassVar[frozenset[str]] = frozenset()
    turn: ClassVar[int] = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders of texts by split."""
        return find_apart(root, _is_ours, "texts")

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a text, by name."""
        folder = path.absolute()
        images = ImagesAround(folder, options.get("root", ""))
        for labels in files_ending(folder, PLAIN):
            image = images.find(_stem(labels), labels, RULE)
            yield Sample(image, text_of_line(labels, image), f"{labels}:1")


def _stem(labels: Path) -> str:
    name = labels.name.lower()
    return labels.name[: -len(TRUTH)] if name.endswith(TRUTH) else labels.stem


def _is_ours(folder: Path) -> bool:
    """Whether a folder without images has files of one line each, no coordinates, and the first ones have an image."""
    files = files_ending(folder, PLAIN)[:TRIED]
    if not files or images_in(folder) or not all(map(_is_text, files)):
        return False
    images = ImagesAround(folder)
    try:
        return all(images.find(_stem(labels), labels, RULE) for labels in files)
    except DataError:
        return False


def _is_text(path: Path) -> bool:
    """Whether a file has a line, and no other one, which may be a text."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        lines = [line.strip() for _, line in zip(range(2), file, strict=False)]
    return len(list(filter(None, lines))) == 1 and not (
        COORDINATES.match(lines[0]) or "\t" in lines[0] or lines[0].startswith(("{", "<"))
    )
