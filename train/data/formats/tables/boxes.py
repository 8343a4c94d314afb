"""Tables that tell places in their images, which may be photos then, and no lines."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import median

from train.data.decoded.header import image_size
from train.data.folders.notes import note
from train.data.formats import FORMATS
from train.data.formats.tables.rows import Table
from train.errors import DataError

SIDES = (("xmin", "ymin", "xmax", "ymax"), ("x_min", "y_min", "x_max", "y_max"), ("x1", "y1", "x2", "y2"))
BOXES = (
    *SIDES,
    ("x", "y", "width", "height"),
    ("x", "y", "w", "h"),
    ("left", "top", "width", "height"),
    *((name,) for name in ("bbox", "box", "polygon", "points", "quad", "vertices")),
)
"""Names of columns that together are a place in an image."""
LOOKED_AT = 20
LINE_SHARE = 0.8
"""A box that fills more of an image may be the line that the image is."""


def require_lines(
    path: Path, table: Table, image: str, text: str, paths: Mapping[str, Path], chosen: bool
) -> None:
    """Raise DataError for a table of photos with their texts' places; say it where images may be such.

    Args:
        path: of the table.
        table: that is read for lines.
        image: the column of the images.
        text: that of the texts.
        paths: of the images, by what stands in that column; empty where the table holds them itself.
        chosen: whether the column of the texts was named by a person, who knows that these are lines.
    """
    names = {column.strip().lower(): column for column in table.columns}
    found = next((box for box in BOXES if {*box} <= names.keys()), ())
    sides = [names[name] for name in found]
    if found in SIDES and paths and not chosen and _are_photos(table, image, text, sides, paths):
        form = "" if FORMATS.get("box_table").find(path) else "save it as CSV, with the column filename, and "
        raise DataError(
            "the images of a table of texts must be lines",
            f"{path}:1: photos, with the places {', '.join(found)} in them",
            f"{form}add --format box_table --option text={text}; if they are lines all the same, "
            f"--option text={text} alone",
        )
    if found:
        note(f"{path}: its images are taken for lines; the places in {', '.join(found)} are passed over")


def _are_photos(table: Table, image: str, text: str, sides: Sequence[str], paths: Mapping[str, Path]) -> bool:
    """Whether each row has a box, and the first lie within their images and leave much: those of a page would not."""
    shares = []
    try:
        rows = list(islice(table.rows([image, text, *sides]), LOOKED_AT))
    except DataError:
        return False
    for _, (name, _, *cells) in rows:
        try:
            height, width = image_size(paths[str(name).strip()])
            left, top, right, bottom = map(float, cells)
        except (DataError, OSError, KeyError, TypeError, ValueError):
            continue
        if not (0 <= left < right <= width + 1 and 0 <= top < bottom <= height + 1):
            return False
        shares.append((right - left) * (bottom - top) / (height * width))
    return bool(shares) and median(shares) < LINE_SHARE
