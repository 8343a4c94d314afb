"""What images are called where those of a table's folder lie, for tables that leave their suffixes out."""

import os
from pathlib import Path

from train.data.folders.path_forms import composed
from train.data.formats import IMAGE_SUFFIXES
from train.data.formats.places import has_image_name, image_places

ENDS = tuple(IMAGE_SUFFIXES)


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
