"""Label-file readers: one module each, `path -> Iterator[Sample]`.

A reader module registers one class with `@FORMATS.register(name)`; see docs/data.md.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from train.data.folders.split_names import SPLITS, entries, folders_by_split, in_order
from train.data.pictures.kinds import READABLE_SUFFIXES
from train.data.sample import Sample
from train.errors import DataError
from train.system.paths import read_utf8
from train.system.registry import Registry

IMAGE_SUFFIXES = READABLE_SUFFIXES
MARKS = re.compile("^\ufeff+", re.MULTILINE)
ROOT: Mapping[str, str] = {"root": ""}
"""The option of every format whose labels are paths: what they are relative to (`--root`), where not to the list."""
LOOKED_INTO = 20
"""So many folders of a folder are looked into."""
__all__ = ["SPLITS"]


class Format(ABC):
    """What a reader offers; its functions are static, so that a class is the entry itself.

    Attributes:
        task: what its labels are of: `recognition` (a text), `detection` (regions) or `orientation` (an angle).
        options: the names of the options that `read` takes, with their defaults.
        explicit: options without which the format is never detected, only chosen by name: its
            labels could be mistaken for anything.
        turn: when they are looked for: 0 for PaddleOCR's labels and our own, 1 for other tools', where none of those
            are, 2 for what gives way to all of these, as CVAT's own beside what it exports for COCO, 3 for what a
            folder may hold beside the labels of any other, as an archive.
    """

    task: ClassVar[str]
    options: ClassVar[Mapping[str, str]] = ROOT
    explicit: ClassVar[frozenset[str]] = frozenset()
    turn: ClassVar[int] = 0

    @staticmethod
    @abstractmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the label files under `root` by split (`train`, `val`, `test`, or `all`); empty if not ours.

        A `root` that is itself a label file of this format is `all`.
        """

    @classmethod
    def find_named(cls, root: Path) -> dict[str, Path]:
        """Return what `find` does, where a person named this format: it need not be told from others."""
        return cls.find(root)

    @classmethod
    def find_alone(cls, files: Sequence[Path]) -> list[Path]:
        """Return which of some files of one folder, whatever they are called, are label files of this format.

        None of those of turn 0, which have names of their own, unless such a format says how they are told.
        """
        return [path for path in files if cls.find(path)] if cls.turn else []

    @staticmethod
    @abstractmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield the samples of one label file or folder; raise DataError naming `file:line`."""


FORMATS: Registry[type[Format]] = Registry("data format", __name__)


def names_of(task: str) -> list[str]:
    """Return the formats whose labels are of a task, sorted."""
    return [name for name in FORMATS.names() if FORMATS.get(name).task == task]


def itself(root: Path, suffix: str, ours: Callable[[Path], bool]) -> dict[str, Path]:
    """Return a label file that is named itself as `all`, if it has this suffix and is `ours`."""
    return {"all": root} if root.suffix.lower() == suffix and ours(root) else {}


def by_split(root: Path, ours: Callable[[Path], bool]) -> dict[str, Path]:
    """Return the folders of `root` that are `ours` by split; without one for train, `root` as `all` if it is."""
    folders = folders_by_split(root, ours)
    return in_order(folders if "train" in folders or not ours(root) else {"all": root, **folders})


def images_in(folder: Path) -> list[Path]:
    """Return the image files directly in `folder`, sorted by name; hidden files are none."""
    return [path for path in entries(folder) if path.suffix.lower() in READABLE_SUFFIXES]


def read_text(path: Path) -> str:
    """Return a UTF-8 file's text, line ends untouched, without byte-order marks, which joined files have inside."""
    text = MARKS.sub("", read_utf8(path, "a label file", DataError))
    if 4 * text.count("\0") > len(text) > 0:  # which is no fault of UTF-8
        raise DataError("a label file must be UTF-8", f"{path}: UTF-16", "save it as UTF-8")
    return text
