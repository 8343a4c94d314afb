"""What a table's images are called: in its cells, and where they lie, for tables that leave their suffixes out."""

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.data.folders.path_forms import composed
from train.data.formats import IMAGE_SUFFIXES
from train.data.formats.places import has_image_name, image_places
from train.data.pictures.kinds import sniff
from train.errors import DataError

ENDS = tuple(IMAGE_SUFFIXES)
PATH = "path"
"""The key of an image's name in what `datasets` has for an image."""
INSIDE, LONG, SEEN = "data:", 100, 64
"""How an image begins that stands in a cell itself as an address, characters that a name has at most, and those of an
image in base64 that are looked at."""
URL_SAFE = str.maketrans("-_", "+/")


def name_in(cell: Any, column: str, source: str) -> str:
    """Return the name of an image that a cell holds; raise DataError for none, or for the image itself."""
    name = cell.get(PATH) if isinstance(cell, dict) else cell
    if not isinstance(name, str) or not name.strip():
        raise DataError(
            f"every row must name its image in {column}",
            f"{source}: {cell!r}"[:200],
            "name it or remove the row",
        )
    if is_inside(name):
        raise DataError(
            f"every row must name its image in {column}",
            f"{source}: {name[:40]!r}, the image itself",
            "write the images as files, or save the table as Parquet with the images as bytes",
        )
    return name.strip()


def is_inside(name: str) -> bool:
    """Whether what stands for the name of an image is the image."""
    return name.startswith(INSIDE) or (len(name) > LONG and "." not in name and _is_encoded(name[:SEEN]))


def _is_encoded(beginning: str) -> bool:
    try:
        return sniff(base64.b64decode(beginning.translate(URL_SAFE), validate=True)) is not None
    except ValueError:  # as of nearly every name
        return False


def require_no_rows(cells: Sequence[str], delimiter: str, columns: int, source: str, remedy: str) -> None:
    """Raise DataError where a cell seems to have swallowed rows: a quotation mark that is text, and another below.

    A line of it is a row if it begins with an image, or has an image and as many fields as the table has columns.
    """
    for cell in cells:
        first, *others = (line.split(delimiter) for line in cell.split("\n"))
        begun = any(len(fields) > 1 and has_image_name(fields[0].strip()) for fields in others)
        whole = (fields for fields in (first, *others) if others and len(fields) >= columns > 1)
        if begun or any(_is_name(field) for fields in whole for field in fields):
            raise DataError("a cell in quotes must not hold other rows", f"{source}: {cell[:60]!r}", remedy)


def _is_name(field: str) -> bool:
    """Whether a field is the name of an image and nothing else."""
    bare = field.strip(' "\r')
    return has_image_name(bare) and not set(bare) & set(' "{}')


class ImageNames:
    """What images are called, without their suffixes, where those of a folder's label files lie.

    `name in names` lists each folder once, whatever number of files ask; a number is no name.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder of the label files."""
        self._places = [str(place) for place in image_places(folder.absolute())]
        self._stems: dict[str, frozenset[str]] = {}

    def __contains__(self, name: str) -> bool:
        """Whether an image with this name and some suffix lies there; the name may be a path."""
        inner, stem = os.path.split(name)
        is_there = any(composed(stem) in self._in(os.path.join(place, inner)) for place in self._places)
        return is_there and any(map(str.isalpha, name)) and not has_image_name(name)

    def _in(self, folder: str) -> frozenset[str]:
        """Return the names in one folder, as texts: each table that is named itself lists its folder anew."""
        if folder not in self._stems:
            there = os.listdir(folder) if os.path.isdir(folder) else []
            images = (name for name in there if name.lower().endswith(ENDS) and not name.startswith("."))
            self._stems[folder] = frozenset(composed(name.rpartition(".")[0]) for name in images)
        return self._stems[folder]
