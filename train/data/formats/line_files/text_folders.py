"""A text for each image as `text_files` has it, in a folder beside theirs: `labels/a.txt` and `images/a.png`."""

from collections.abc import Iterator, Mapping
from itertools import count, islice
from pathlib import Path

from train.data.folders.beside import files_ending
from train.data.formats import FORMATS, LOOKED_INTO, Format, images_in
from train.data.formats.apart import ImagesAround, find_apart
from train.data.formats.line_files.text_files import COORDINATES, PLAIN, TRUTH, texts_of
from train.data.formats.places import TRIED, is_file
from train.data.formats.region_lists import first_lines
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
        asked = count()
        return find_apart(
            root,
            lambda folder: _holds_texts(folder) and next(asked) < LOOKED_INTO and _have_images(folder),
            "texts",
        )

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a text, by name."""
        folder = path.absolute()
        images = ImagesAround(folder, options.get("root", ""))
        files = {images.find(_stem(labels), labels, RULE): labels for labels in files_ending(folder, PLAIN)}
        for (image, labels), text in zip(files.items(), texts_of(files), strict=True):
            yield Sample(image, text, f"{labels}:1")


def _stem(labels: Path) -> str:
    name = labels.name.lower()
    return labels.name[: -len(TRUTH)] if name.endswith(TRUTH) else labels.stem


def _holds_texts(folder: Path) -> bool:
    """Whether a folder without images has files of one line each, no coordinates."""
    files = files_ending(folder, PLAIN)[:TRIED]
    return bool(files) and not images_in(folder) and all(map(_is_text, files))


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
    return len(lines) == 1 and not (
        COORDINATES.match(lines[0]) or "\t" in lines[0] or lines[0].startswith(("{", "<"))
    )
