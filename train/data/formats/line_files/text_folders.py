"""A text for each image as `text_files` has it, in a folder beside theirs: `labels/a.txt` and `images/a.png`."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count, islice
from pathlib import Path

from train.data.folders.beside import files_ending
from train.data.formats import FORMATS, LOOKED_INTO, Format, images_in
from train.data.formats.apart import ImagesAround, find_apart
from train.data.formats.line_files.text_files import PLAIN, TRUTH, is_place, texts_of
from train.data.formats.places import is_file
from train.data.formats.region_lists import first_line, first_lines
from train.data.formats.splits import TRIED
from train.data.sample import Sample
from train.errors import DataError

RULE = "every text must have one image of its name, in a folder beside its own"


@FORMATS.register("text_folders")
class TextFolders(Format):
    """The folders of texts; a split is told by their names, or by those of folders above."""

    task = "recognition"
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders of texts by split."""
        return _folders(root, lambda folder: _holds_texts(folder) and not _holds_places(folder))

    @classmethod
    def find_named(cls, root: Path) -> dict[str, Path]:
        """Return the folders of texts by split, though these be rows of numbers, as places are."""
        return _folders(root, _holds_texts)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a text, by name."""
        folder = path.absolute()
        images = ImagesAround(folder, options.get("root", ""))
        files = {images.find(_stem(labels), labels, RULE): labels for labels in files_ending(folder, PLAIN)}
        for (image, labels), text in zip(files.items(), texts_of(files), strict=True):
            yield Sample(image, text, f"{labels}:1")


def _folders(root: Path, ours: Callable[[Path], bool]) -> dict[str, Path]:
    asked = count()
    return find_apart(
        root,
        lambda folder: ours(folder) and next(asked) < LOOKED_INTO and _have_images(folder),
        "texts",
    )


def _stem(labels: Path) -> str:
    name = labels.name.lower()
    return labels.name[: -len(TRUTH)] if name.endswith(TRUTH) else labels.stem


def _holds_texts(folder: Path) -> bool:
    """Whether a folder without images has files of one line each."""
    files = files_ending(folder, PLAIN)[:TRIED]
    return bool(files) and not images_in(folder) and all(map(_is_text, files))


def _holds_places(folder: Path) -> bool:
    """Whether half of the first files or more begin as places of regions do."""
    files = files_ending(folder, PLAIN)[:TRIED]
    return 2 * sum(is_place(first_line(path)) for path in files) >= len(files)


def _have_images(folder: Path) -> bool:
    """Whether most of the first texts of a folder have an image."""
    images, files = ImagesAround(folder), files_ending(folder, PLAIN)[:TRIED]
    try:
        found = [images.find(name, folder, RULE) for name in {*map(_stem, files)}]
    except DataError:
        return False
    return 2 * sum(map(is_file, found)) > len(found)


def _is_text(path: Path) -> bool:
    """Whether a file has a line, and no other one, which may be a text."""
    lines = [line.strip() for line in islice(first_lines(path), 2)]
    return len(lines) == 1 and not ("\t" in lines[0] or lines[0].startswith(("{", "<")))
