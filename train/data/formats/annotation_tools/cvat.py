"""CVAT's own XML, "CVAT for images 1.1": boxes, which may be turned, and polygons in pixels, all photos in one file."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree as Xml

from train.data.formats import FORMATS, ROOT, Format
from train.data.formats.photo_files.voc import parse_xml, tags_of
from train.data.formats.photo_lists.coco import TEXTS
from train.data.formats.places import find_images, image_places, is_file
from train.data.formats.shapes import labelled_size, note_attributes, numbers_in, turned
from train.data.formats.splits import UNSET, find_exports, splits_told
from train.data.photos.regions import Region, as_region, is_set, label_of
from train.data.sample import Sample
from train.errors import DataError

ANNOTATIONS, BOX, POLYGON, TRACK = "annotations", "box", "polygon", "track"
BEGINNINGS = ("version", "meta", "image")
OTHER_SHAPES = ("polyline", "points", "ellipse", "cuboid", "skeleton", "mask")
SIDES = ("xtl", "ytl", "xbr", "ybr")
IGNORED = ("difficult", "ignore", "illegible")


@FORMATS.register("cvat")
class Cvat(Format):
    """One exported file, or one for each split; what CVAT calls a subset of photos may tell their split.

    Option `text`: the attribute of a region that holds its text; by default the first of the usual ones. Where there
    is none, only the place is known: labels are classes.
    """

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"text": "", **ROOT}
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the files of a folder by the split in their names, else those of the folders of splits."""
        return find_exports(root, ".xml", _is_ours)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a photo, in the file's order; its source has its number."""
        path = path.absolute()
        content = parse_xml(path)
        if content.find(TRACK) is not None:
            raise DataError("CVAT's labels must be of photos", f"{path}:1: tracks of a film", "export photos")
        photos = content.findall("image")
        places = image_places(path.parent)
        names = [_name(photo, places) for photo in photos]
        paths = find_images(path, names, options.get("root", ""))
        splits = splits_told(path, names, [photo.get("subset") for photo in photos])
        keys = (options["text"].lower(),) if options.get("text") else TEXTS
        labels = [list(_regions(photo, keys, f"{path}:{number}")) for number, photo in enumerate(photos, 1)]
        if not any(region.text for regions in labels for region in regions):
            note_attributes(path, (name for shape in content.iter() for name in _attributes(shape)))
        for number, (photo, name) in enumerate(zip(photos, names, strict=True), 1):
            size = labelled_size(photo.get("height"), photo.get("width"))
            yield Sample(
                paths[name], label_of(labels[number - 1]), f"{path}:{number}", splits[number - 1], size=size
            )


def _is_ours(path: Path) -> bool:
    """Whether a file begins as CVAT's."""
    tags = list(islice(tags_of(path), 2))
    return tags[:1] == [ANNOTATIONS] and tags[-1] in BEGINNINGS


def _name(photo: "Xml.Element[str]", places: Sequence[Path]) -> str:
    """Return what a photo is called, with the folder of its subset where it lies there, as a project's does."""
    name, subset = photo.get("name", ""), photo.get("subset") or UNSET
    in_subset = any(name and is_file(place / subset / name) for place in places)
    return f"{subset}/{name}" if in_subset else name


def _regions(photo: "Xml.Element[str]", keys: Sequence[str], source: str) -> Iterator[Region]:
    for number, shape in enumerate(photo, 1):
        where = f"{source}: {shape.tag} {number}"
        if shape.tag in OTHER_SHAPES:
            raise DataError("a shape must be a box or a polygon", where, "draw it so, or remove it")
        if shape.tag not in (BOX, POLYGON):  # a tag of the photo
            continue
        held = _attributes(shape)
        text = next((held[key] for key in keys if held.get(key)), "")
        yield as_region(_corners(shape, where), text, any(is_set(held.get(name)) for name in IGNORED))


def _corners(shape: "Xml.Element[str]", source: str) -> list[float]:
    if shape.tag == POLYGON:
        return numbers_in(shape.get("points", "").replace(";", ",").split(","), source)
    left, top, right, bottom = numbers_in([shape.get(side, "") for side in SIDES], source)
    degrees, _ = numbers_in([shape.get("rotation", "0"), "0"], source)
    return turned(left, top, right - left, bottom - top, degrees)


def _attributes(shape: "Xml.Element[str]") -> dict[str, str]:
    """Return the attributes of a region by their names in lower case."""
    return {held.get("name", "").lower(): held.text or "" for held in shape.findall("attribute")}
