"""What images are called where those of a table's folder lie, for tables that leave their suffixes out."""

import os
from pathlib import Path

from train.data.formats import images_in
from train.data.formats.places import has_image_name, image_places


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
        if not any(map(str.isalpha, name)) or has_image_name(name):
            return False
        inner, stem = os.path.split(name)
        return any(stem in self._in(os.path.join(place, inner)) for place in self._places)

    def _in(self, folder: str) -> frozenset[str]:
        if folder not in self._stems:
            there = images_in(Path(folder)) if os.path.isdir(folder) else []
            self._stems[folder] = frozenset(image.stem for image in there)
        return self._stems[folder]
