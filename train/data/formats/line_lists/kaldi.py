"""Kaldi's `text`, `name the text` a line, with `name.png` beside it or in `images`; `utt2spk` tells who wrote it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from train.data.folders.left_aside import KALDI
from train.data.formats import FORMATS, Format, by_split
from train.data.formats.region_lists import lines_of
from train.data.formats.tables.table import TableOfTexts, is_table
from train.data.sample import Sample

WRITERS = "utt2spk"


@FORMATS.register("kaldi")
class Kaldi(Format):
    """A table without header, in a folder or in one for each split."""

    task = "recognition"
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the `text` of a folder, or of each of its splits."""
        if root.is_file():
            return {"all": root} if _is_ours(root) else {}
        files = by_split(root, lambda folder: _is_ours(folder / KALDI))
        return {split: folder / KALDI for split, folder in files.items()}

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a line; who wrote it is its document."""
        file = path.with_name(WRITERS)
        rows = (line.split() for line, _ in lines_of(file)) if file.is_file() else ()
        writers = {row[0]: row[1] for row in rows if len(row) > 1}
        for sample in TableOfTexts.read(path, options):
            yield replace(sample, document=writers.get(sample.path.stem, ""))


def _is_ours(path: Path) -> bool:
    return path.name == KALDI and path.is_file() and is_table(path)
