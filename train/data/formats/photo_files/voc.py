"""Pascal VOC's annotations, one XML an image, as LabelImg and CVAT write them: boxes in pixels."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree as Xml

from train.data.folders.notes import note
from train.data.folders.split_names import SPLITS, lists_by_split
from train.data.formats import FORMATS, Format
from train.data.formats.file_each import find_folders_of_xml, names_of_own, own_files
from train.data.formats.places import find_images, has_image_name, image_places
from train.data.formats.region_lists import lines_of
from train.data.formats.shapes import degrees_of, labelled_size, note_classes, turned
from train.data.photos.regions import Region, as_region, is_set, label_of
from train.data.sample import Sample
from train.errors import DataError

FOLDER, IMAGES, SETS = "Annotations", "JPEGImages", ("ImageSets", "Main")
ANNOTATION, NAME = "annotation", "name"
TEXTS = ("text", "transcription", "value")
"""Attributes that hold the text of an object, in CVAT's files."""
SIDES = ("xmin", "ymin", "xmax", "ymax")
TURNED, TURNS = "robndbox", ("cx", "cy", "w", "h", "angle")
"""roLabelImg's boxes: middle, sides, and radians clockwise."""


@FORMATS.register("voc")
class Voc(Format):
    """A folder of such files beside their images, or one each for train, val, test; or VOC's own folders.

    The text of an object is its attribute `text`, if any object of the folder has one, else its name.
    """

    task = "detection"
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders with such a file."""
        return find_folders_of_xml(root, FOLDER, _is_ours)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a file, by name."""
        path = path.absolute()
        folder = path.parent if path.is_file() else path
        files = own_files(path, _is_ours)
        pages = {file: parse_xml(file) for file in files}
        described = any(_text(thing, True) for page in pages.values() for thing in page.iter("object"))
        if not described:
            names = [_text(thing, False) for page in pages.values() for thing in page.iter("object")]
            note_classes(path, names, "attributes called text")
        told = {file: (page.findtext("filename") or file.stem).strip() for file, page in pages.items()}
        root = options.get("root", "")
        places = [*image_places(folder), folder.parent / IMAGES, *image_places(folder.parent)[1:]]
        named = names_of_own(path, told, [Path(root)] if root else places)
        paths = find_images(files[0], list(named.values()), root, places)
        splits = _splits(folder.parent.joinpath(*SETS))
        unlisted = sum(file.stem not in splits for file in files)
        if unlisted and SPLITS[0] in splits.values():
            note(f"{path}: photos that stand in no list of {'/'.join(SETS)} are taken for train: {unlisted}")
        for file, page in pages.items():
            regions = [
                _region(thing, described, f"{file}:1: object {i}")
                for i, thing in enumerate(page.iter("object"), 1)
            ]
            size = labelled_size(page.findtext("size/height"), page.findtext("size/width"))
            yield Sample(
                paths[named[file]], label_of(regions), f"{file}:1", splits.get(file.stem, ""), size=size
            )


def _is_ours(path: Path) -> bool:
    """Whether a file begins as an annotation."""
    return next(tags_of(path), "") == ANNOTATION


def tags_of(path: Path) -> Iterator[str]:
    """Yield the tags of a file in the order in which they begin, as far as it is XML."""
    with suppress(Xml.ParseError, OSError, ValueError, LookupError):
        for _, element in Xml.iterparse(path, ["start"]):  # noqa: S314
            yield element.tag


def parse_xml(file: Path) -> "Xml.Element[str]":
    """Return what an XML file holds; raise DataError naming the line if it is none."""
    try:
        return Xml.parse(file).getroot()  # noqa: S314 - expat bounds the growth of entities, and loads none
    except (Xml.ParseError, ValueError, LookupError) as error:
        line = getattr(error, "position", (1, 0))[0]
        raise DataError(
            "a label file must be XML", f"{file}:{line}: {error}", "mend it at that line"
        ) from error


def _text(thing: "Xml.Element[str]", described: bool) -> str:
    if not described:
        return (thing.findtext(NAME) or "").strip()
    held = _attributes(thing)
    return next((text for key in TEXTS if (text := held.get(key) or thing.findtext(key))), "")


def _attributes(thing: "Xml.Element[str]") -> dict[str, str | None]:
    """Return CVAT's attributes of an object."""
    return {
        (attribute.findtext("name") or "").lower(): attribute.findtext("value")
        for attribute in thing.iter("attribute")
    }


def _region(thing: "Xml.Element[str]", described: bool, source: str) -> Region:
    if thing.find(TURNED) is not None:
        x, y, width, height, angle = _numbers(thing, TURNED, TURNS, source)
        corners = turned(x - width / 2, y - height / 2, width, height, math.degrees(angle))
    else:
        left, top, right, bottom = _numbers(thing, "bndbox", SIDES, source)
        degrees = degrees_of(_attributes(thing).get("rotation"))
        corners = turned(left, top, right - left, bottom - top, degrees)
    return as_region(corners, _text(thing, described), is_set(thing.findtext("difficult")))


def _numbers(thing: "Xml.Element[str]", place: str, names: Sequence[str], source: str) -> list[float]:
    """Return the numbers of an object's box; raise DataError for one that is missing, or no number."""
    numbers = []
    for name in names:
        value = thing.findtext(f"{place}/{name}")
        if value is None:
            raise DataError(f"an object must have a {place}", f"{source} without {name}", "draw it again")
        try:
            numbers.append(float(value))
        except ValueError:
            numbers.append(math.nan)
        if not math.isfinite(numbers[-1]):
            raise DataError(
                f"a {place} must have numbers", f"{source} with {name} {value!r:.40}", "draw it again"
            )
    return numbers


def _splits(folder: Path) -> dict[str, str]:
    """Return the split of each name that the lists of VOC's own folder tell."""
    found: dict[str, str] = {}
    for split, path in lists_by_split(folder, ("{}.txt",)).items():
        for line, source in lines_of(path):
            other = found.setdefault(line.strip(), split)
            if line.strip() and other != split:
                raise DataError(
                    "a photo must stand in one list", f"{source}, and in that of {other}", "remove one"
                )
    for line, split in list(found.items()):
        for name in _names(line):
            found.setdefault(name, split)
    return found


def _names(line: str) -> set[str]:
    """Return what a line of a list may mean: all of it, or its first word, with the suffix of an image or without."""
    names = {line, *line.split()[:1]}
    return names | {Path(name).stem for name in names if has_image_name(name)}
