"""Street View Text's XML, and ICDAR 2003's: one file for all photos of a split, with a rectangle for each word."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree as Xml

from train.data.folders.notes import note
from train.data.formats import FORMATS, Format
from train.data.formats.photo_files.voc import parse_xml, tags_of
from train.data.formats.places import find_images
from train.data.formats.shapes import degrees_of, labelled_size, numbers_in, rectangle
from train.data.formats.splits import find_exports
from train.data.photos.regions import Region, as_region, label_of
from train.data.sample import Sample

BEGINS = ["tagset", "image"]
SIDES = ("x", "y", "width", "height")


@FORMATS.register("svt")
class Svt(Format):
    """A file, or one for each split, whose paths are relative to its folder: `train.xml`, `img/00_00.jpg`."""

    task = "detection"
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the files by the split in their names, or in the names of their folders."""
        return find_exports(root, ".xml", _is_ours)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a photo, in the file's order; its source has its number."""
        photos = list(parse_xml(path).iter("image"))
        names = [(photo.findtext("imageName") or "").strip() for photo in photos]
        paths = find_images(path, names, options.get("root", ""))
        words = [list(photo.iter("taggedRectangle")) for photo in photos]
        if turned := sum(bool(degrees_of(word.get("rotation"))) for some in words for word in some):
            note(f"{path}: rectangles that are turned are read as upright ones: {turned}")
        for number, (photo, name) in enumerate(zip(photos, names, strict=True), 1):
            source = f"{path}:{number}"
            regions = [_region(word, source) for word in words[number - 1]]
            yield Sample(paths[name], label_of(regions), source, size=_size(photo))


def _is_ours(path: Path) -> bool:
    return list(islice(tags_of(path), len(BEGINS))) == BEGINS


def _size(photo: "Xml.Element[str]") -> tuple[int, int] | None:
    told = next((part for part in photo if part.tag.lower() == "resolution"), None)
    return None if told is None else labelled_size(told.get("y"), told.get("x"))


def _region(word: "Xml.Element[str]", source: str) -> Region:
    x, y, width, height = numbers_in([word.get(side, "") for side in SIDES], source)
    return as_region(rectangle(x, y, width, height), (word.findtext("tag") or "").strip())
