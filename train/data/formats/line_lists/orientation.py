"""Labelled directions of lines: `path<TAB>0` for one that stands upright, `path<TAB>180` for one on its head.

PaddleX's lists have classes that `label.txt` names, `path 1` and `1 180_degree`; or the images lie in a folder of each.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from train.data.folders.image_paths import locate
from train.data.folders.split_names import entries, lists_or_whole
from train.data.formats import FORMATS, Format, by_split, images_in, itself
from train.data.formats.line_lists.class_list import DIRECTION, class_names
from train.data.formats.region_lists import first_line, lines_of
from train.data.sample import Sample
from train.errors import DataError

LIST, WHOLE = "ori_gt_{}.txt", "ori_gt.txt"
SHARED = ("cls_gt_{}.txt", "{}_list.txt", "{}.txt")
"""Names of lists that are ours if they hold angles."""
ANGLES = ("0", "180")


@FORMATS.register("orientation")
class Orientation(Format):
    """Lists with paths relative to their own folder or `--root`; `ori_gt.txt` is read where train has none."""

    task = "orientation"

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the lists of a folder by split, else `ori_gt.txt` as `all`, else the folders of classes."""
        if root.is_file():
            return itself(root, ".txt", _is_ours)
        return (
            lists_or_whole(root, (LIST,), WHOLE)
            or lists_or_whole(root, SHARED, WHOLE, _is_ours)
            or by_split(root, lambda folder: len(_class_folders(folder)) == len(ANGLES))
        )

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a line, or an image; blank lines are passed over."""
        if path.is_dir():
            yield from _of_folders(path.absolute())
            return
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


def _of_folders(folder: Path) -> Iterator[Sample]:
    for angle, folders in _class_folders(folder).items():
        images = (image for inner in folders for image in images_in(inner))
        yield from (Sample(image, angle, f"{image}:1") for image in images)


def _class_folders(folder: Path) -> dict[str, list[Path]]:
    """Return the folders that are called as classes are and hold images, by angle."""
    found: dict[str, list[Path]] = {}
    for path in entries(folder):
        if (match := DIRECTION.fullmatch(path.name)) and path.is_dir() and images_in(path):
            found.setdefault(match[1], []).append(path)
    return found


def _classes(path: Path) -> dict[str, str]:
    """Return the angle of each class that the `label.txt` beside a list names; nothing without one."""
    pairs = ((number, DIRECTION.fullmatch(name)) for number, name in class_names(path).items())
    return {number: match[1] for number, match in pairs if match}


def _rows(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield path, angle and source of every line that is not blank."""
    classes = _classes(path)
    for line, source in lines_of(path):
        name, _, angle = line.partition("\t") if "\t" in line else line.rstrip().rpartition(" ")
        yield name, classes.get(angle.rstrip(), angle.rstrip()), source


def _is_ours(path: Path) -> bool:
    """Whether every label is an angle: elsewhere the same form holds texts."""
    return bool(first_line(path)) and all(name and angle in ANGLES for name, angle, _ in _rows(path))
