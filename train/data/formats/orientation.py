"""Labelled directions of lines: `path<TAB>0` for one that stands upright, `path<TAB>180` for one on its head."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.formats import FORMATS, SPLITS, read_text
from train.data.sample import Sample
from train.errors import DataError

LIST, WHOLE = "ori_gt_{}.txt", "ori_gt.txt"
ANGLES = ("0", "180")


@FORMATS.register("orientation")
class Orientation:
    """Lists with paths relative to their own folder; `ori_gt.txt` is read only where it stands alone."""

    task: ClassVar[str] = "orientation"
    options: ClassVar[Mapping[str, str]] = {}
    explicit: ClassVar[frozenset[str]] = frozenset()

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return `ori_gt_<split>.txt` by split, else `ori_gt.txt` as `all`; a list of any name, if it is one."""
        if root.is_file():
            return {"all": root} if root.suffix == ".txt" and _is_ours(root) else {}
        files = {split: path for split in SPLITS if (path := root / LIST.format(split)).is_file()}
        whole = root / WHOLE
        return files or ({"all": whole} if whole.is_file() else {})

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a line; blank lines are passed over."""
        folder = path.absolute().parent
        for number, name, angle in _lines(path):
            if not name or angle not in ANGLES:
                raise DataError(
                    "a label line must be `path<TAB>0` or `path<TAB>180`",
                    f"{path}:{number}: {name[:60]!r} and {angle[:20]!r}",
                    "put one tab between path and angle",
                )
            yield Sample(folder / name, angle, f"{path}:{number}")


def _lines(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield number, path and angle of every line that is not blank."""
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            name, _, angle = line.partition("\t")
            yield number, name, angle.rstrip()


def _is_ours(path: Path) -> bool:
    """Whether every label is an angle: elsewhere the same form holds texts."""
    angles = [angle for *_, angle in _lines(path)]
    return bool(angles) and all(angle in ANGLES for angle in angles)
