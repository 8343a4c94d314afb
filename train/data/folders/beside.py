"""Files that belong together by their names, as `a.txt` to `a.jpg`, in any letter case and Unicode form."""

import os
from pathlib import Path

from train.data.folders.path_forms import alike
from train.data.pictures.kinds import READABLE_SUFFIXES

FEW = 20
"""So many files of single images may be opened for nothing."""


def files_ending(folder: Path, suffix: str) -> list[Path]:
    """Return the files of a folder with this suffix, in any case, by name; hidden ones, folders and pipes are none."""
    try:
        with os.scandir(folder) as there:
            names = sorted(one.name for one in there if _is_file_ending(one, suffix))
    except OSError:
        return []
    return [folder / name for name in names]


def files_of_sets(folder: Path, suffix: str) -> list[Path]:
    """Return what `files_ending` does, without the many that are labels of one image each (`drop_those_of_images`)."""
    return drop_those_of_images(files_ending(folder, suffix), folder)


def drop_those_of_images(files: list[Path], folder: Path) -> list[Path]:
    """Return the files of a folder that are not called as an image there, if more than a few are.

    To open thousands of them, to see that none holds the labels of a whole set, takes long: LabelMe's hold the images.
    """
    images = {
        alike(stem) for stem, end in map(os.path.splitext, _names(folder)) if end.lower() in READABLE_SUFFIXES
    }
    own = {
        path for path in files if not images.isdisjoint(map(alike, (path.stem, path.name.partition(".")[0])))
    }
    return [path for path in files if path not in own] if len(own) > FEW else files


def _is_file_ending(entry: os.DirEntry[str], suffix: str) -> bool:
    if entry.name.startswith(".") or os.path.splitext(entry.name)[1].lower() != suffix:
        return False
    return os.path.isfile(entry.path) if entry.is_symlink() else entry.is_file(follow_symlinks=False)


class Neighbours:
    """The files of a folder, each found for the image that it is of."""

    def __init__(self, images: Path, folder: Path | None = None) -> None:
        """Look into `folder` for what belongs to the images in `images`; None for the same folder."""
        self._folder, beside = folder or images, _names(images)
        there = beside if folder is None else _names(folder)
        self._stems: dict[str, set[str]] = {}
        for stem, suffix in map(os.path.splitext, beside):
            if suffix.lower() in READABLE_SUFFIXES:
                self._stems.setdefault(alike(stem), set()).add(stem)
        self._names, self._alike = frozenset(there), dict[str, list[str]]()
        for name in there:
            self._alike.setdefault(alike(name), []).append(name)

    def find(self, image: Path, name: str) -> Path | None:
        """Return the file of this name; else the only one that is called alike, if no other image is, too."""
        names = [name] if name in self._names else []
        if not names and len(self._stems.get(alike(image.stem), ())) < 2:
            names = self._alike.get(alike(name), [])
        path = self._folder / names[0] if len(names) == 1 else None
        return path if path is not None and path.is_file() else None


def _names(folder: Path) -> list[str]:
    """Return what a folder's entries are called, without hidden ones; nothing of what is no folder."""
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError:
        return []
