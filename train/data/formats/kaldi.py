"""Kaldi's `text`: `name the text` a line, with the image `name.png` beside it or in `images`."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from train.data.folders.left_aside import KALDI
from train.data.formats import FORMATS, ROOT, by_split
from train.data.formats.table import TableOfTexts, is_table


@FORMATS.register("kaldi")
class Kaldi(TableOfTexts):
    """A table without header, in a folder or in one for each split."""

    options: ClassVar[Mapping[str, str]] = ROOT
    turn: ClassVar[int] = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the `text` of a folder, or of each of its splits."""
        if root.is_file():
            return {"all": root} if _is_ours(root) else {}
        files = by_split(root, lambda folder: _is_ours(folder / KALDI))
        return {split: folder / KALDI for split, folder in files.items()}


def _is_ours(path: Path) -> bool:
    return path.name == KALDI and path.is_file() and is_table(path)
