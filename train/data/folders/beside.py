"""Files that belong together by their names, as `a.txt` to `a.jpg`, in any letter case and Unicode form."""

import unicodedata
from pathlib import Path

from train.data.folders.split_names import entries
from train.data.pictures.kinds import READABLE_SUFFIXES


def files_ending(folder: Path, suffix: str) -> list[Path]:
    """Return the entries of a folder with this suffix, in any case, by name; hidden ones are none."""
    return [path for path in entries(folder) if path.suffix.lower() == suffix]


def alike(name: str) -> str:
    """Return what a name has in common with all that Windows or macOS take for the same."""
    return unicodedata.normalize("NFC", name).casefold()


class Neighbours:
    """The files of a folder, each found for the image that it is of."""

    def __init__(self, images: Path, folder: Path | None = None) -> None:
        """Look into `folder` for what belongs to the images in `images`; None for the same folder."""
        beside = entries(images)
        there = beside if folder is None else entries(folder)
        self._stems: dict[str, set[str]] = {}
        for path in beside:
            if path.suffix.lower() in READABLE_SUFFIXES:
                self._stems.setdefault(alike(path.stem), set()).add(path.stem)
        self._files = {path.name: path for path in there}
        self._alike: dict[str, list[Path]] = {}
        for path in there:
            self._alike.setdefault(alike(path.name), []).append(path)

    def find(self, image: Path, name: str) -> Path | None:
        """Return the file of this name; else the only one that is called alike, if no other image is, too."""
        paths = [self._files[name]] if name in self._files else []
        if not paths and len(self._stems.get(alike(image.stem), ())) < 2:
            paths = self._alike.get(alike(name), [])
        return paths[0] if len(paths) == 1 and paths[0].is_file() else None
