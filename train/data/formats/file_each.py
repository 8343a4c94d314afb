"""XML files of labels of which each is of one photo: the folders that hold them, and the photos that they name."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from train.data.folders.beside import files_ending
from train.data.folders.notes import note
from train.data.formats import by_split, itself
from train.data.formats.places import image_called, is_file
from train.data.formats.splits import TRIED

SUFFIX = ".xml"


def find_folders_of_xml(root: Path, below: str, ours: Callable[[Path], bool]) -> dict[str, Path]:
    """Return the folders with a file for each image by split, else the one `below` the folder; a file is itself."""

    def has_files(folder: Path) -> bool:
        return any(map(ours, files_ending(folder, SUFFIX)[:TRIED]))

    if root.is_file():
        return itself(root, SUFFIX, ours)
    return by_split(root, has_files) or ({"all": root / below} if has_files(root / below) else {})


def own_files(path: Path, ours: Callable[[Path], bool]) -> list[Path]:
    """Return a file, or those of a folder that are ours, by name."""
    return [path] if path.is_file() else [file for file in files_ending(path, SUFFIX) if ours(file)]


def names_of_own(path: Path, named: Mapping[Path, str], places: Sequence[Path]) -> dict[Path, str]:
    """Return what each file calls its photo; where several say the same, each is of the photo of its own name.

    So it is where files and photos were copied under other names: what stands in the files stayed. Where none of
    `places` has a photo of a file's own name, as of `a_ocr.xml` beside `a_gt.xml`, it is of the one that it names.
    """
    count = Counter(named.values())
    copied = {
        file
        for file, name in named.items()
        if count[name] > 1 and _stem(name) != file.stem and _has_photo(places, file.stem)
    }
    if copied:
        note(
            f"{path}: files that name the photo of another one are taken for that of their own name: {len(copied)}"
        )
    return {file: file.stem if file in copied else name for file, name in named.items()}


def _has_photo(places: Sequence[Path], name: str) -> bool:
    return any(is_file(place / name) or image_called(place / name) for place in places)


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem
