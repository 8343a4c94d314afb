"""Labelled directions of lines: `path<TAB>0` for one that stands upright, `path<TAB>180` for one on its head."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.folders.image_paths import locate
from train.data.folders.split_names import lists_or_whole
from train.data.formats import FORMATS, ROOT, itself
from train.data.formats.region_lists import lines_of
from train.data.sample import Sample
from train.errors import DataError

LIST, WHOLE = "ori_gt_{}.txt", "ori_gt.txt"
SHARED = ("cls_gt_{}.txt", "{}_list.txt", "{}.txt")
"""Names of lists that are ours if they hold angles."""
ANGLES = ("0", "180")


@FORMATS.register("orientation")
class Orientation:
    """Lists with paths relative to their own folder or `--root`; `ori_gt.txt` is read where train has none."""

    task: ClassVar[str] = "orientation"
    options: ClassVar[Mapping[str, str]] = ROOT
    explicit: ClassVar[frozenset[str]] = frozenset()
    turn: ClassVar[int] = 0

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the lists of a folder by split, else `ori_gt.txt` as `all`; a list of any name, if it is one."""
        if root.is_file():
            return itself(root, ".txt", _is_ours)
        return lists_or_whole(root, (LIST,), WHOLE) or lists_or_whole(root, SHARED, WHOLE, _is_ours)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a line; blank lines are passed over."""
        rows = list(_rows(path))
        paths = locate(path, [name for name, *_ in rows], options.get("root", ""))
        for name, angle, source in rows:
            if not name or angle not in ANGLES:
                raise DataError(
                    "a label line must be `path<TAB>0` or `path<TAB>180`",
                    f"{source}: {name[:60]!r} and {angle[:20]!r}",
                    "put one tab between path and angle",
                )
            yield Sample(paths[name], angle, source)


def _rows(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield path, angle and source of every line that is not blank."""
    for line, source in lines_of(path):
        name, _, angle = line.partition("\t")
        yield name, angle.rstrip(), source


def _is_ours(path: Path) -> bool:
    """Whether every label is an angle: elsewhere the same form holds texts."""
    angles = [angle for _, angle, _ in _rows(path)]
    return bool(angles) and all(angle in ANGLES for angle in angles)
