"""PAGE XML and ALTO, one file a page: kraken, eScriptorium, Transkribus, OCR-D. Lines with outlines in pixels."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as Xml

from train.data.formats import FORMATS, Format
from train.data.formats.file_each import find_folders_of_xml, names_of_own, own_files
from train.data.formats.photo_files.voc import parse_xml, tags_of
from train.data.formats.places import find_images, image_places
from train.data.formats.shapes import labelled_size, numbers_in, rectangle
from train.data.photos.regions import Region, as_region, label_of
from train.data.sample import Sample
from train.errors import DataError

PAGE, ALTO = "PcGts", "alto"
LINE, FOLDER = "TextLine", "page"
BOX = ("HPOS", "VPOS", "WIDTH", "HEIGHT")


@FORMATS.register("page_xml")
class PageXml(Format):
    """A folder of such files beside their images, or in `page` below them, or one each for train, val, test.

    A line without a text is a place alone.
    """

    task = "detection"
    turn = 2

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
        pages = {file: _without_namespaces(parse_xml(file)) for file in files}
        root = options.get("root", "")
        places = [place for around in (folder, folder.parent) for place in image_places(around)]
        told = {file: _image(page) or file.stem for file, page in pages.items()}
        names = names_of_own(path, told, [Path(root)] if root else places)
        paths = find_images(files[0], list(names.values()), root, places)
        for file, page in pages.items():
            source = f"{file}:1"
            yield Sample(paths[names[file]], label_of(_regions(page, source)), source, size=_size(page, file))


def _is_ours(path: Path) -> bool:
    """Whether a file begins as one of a page."""
    return _local(next(tags_of(path), "")) in (PAGE, ALTO)


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _without_namespaces(content: "Xml.Element[str]") -> "Xml.Element[str]":
    """Return what a file holds with the names of its tags alone: each version has a namespace of its own."""
    for element in content.iter():
        element.tag = _local(element.tag)
    return content


def _image(page: "Xml.Element[str]") -> str:
    """Return what a file calls its image."""
    if page.tag == ALTO:
        return (page.findtext("Description/sourceImageInformation/fileName") or "").strip()
    return next((one.get("imageFilename", "") for one in page.iter("Page")), "").strip()


def _size(page: "Xml.Element[str]", file: Path) -> tuple[int, int] | None:
    """Return the size of a page in pixels, if it is told; raise DataError for other units."""
    unit = (page.findtext("Description/MeasurementUnit") or "pixel").strip()
    if unit != "pixel":
        raise DataError("places on a page must be in pixels", f"{file}:1: {unit}", "export it in pixels")
    keys = ("HEIGHT", "WIDTH") if page.tag == ALTO else ("imageHeight", "imageWidth")
    return next((labelled_size(*map(one.get, keys)) for one in page.iter("Page")), None)


def _regions(page: "Xml.Element[str]", source: str) -> Iterator[Region]:
    has_blanks = page.find(".//SP") is not None
    for number, line in enumerate(page.iter(LINE), 1):
        where = f"{source}: line {number}"
        if page.tag == ALTO:
            yield as_region(_alto_corners(line, where), _alto_text(line, has_blanks))
        else:
            yield as_region(_page_corners(line, where), _page_text(line))


def _page_text(line: "Xml.Element[str]") -> str:
    """Return the text of a line; that of its words where they alone have any."""
    words = [_first_text(word) for word in line.findall("Word")]
    return _first_text(line) or (" ".join(words) if all(words) else "")


def _first_text(element: "Xml.Element[str]") -> str:
    texts = sorted(element.findall("TextEquiv"), key=lambda one: one.get("index", "").zfill(9))
    return next((one.findtext("Unicode") or "" for one in texts), "")


def _alto_text(line: "Xml.Element[str]", has_blanks: bool) -> str:
    """Return the words of a line with the blanks that stand there; on a page without any, with one between words."""
    if has_blanks:
        return "".join(" " if part.tag == "SP" else part.get("CONTENT", "") for part in line).strip(" ")
    words, hyphen = ([part.get("CONTENT", "") for part in line.findall(tag)] for tag in ("String", "HYP"))
    return " ".join(words) + "".join(hyphen)


def _page_corners(line: "Xml.Element[str]", source: str) -> list[float]:
    points = line.find("Coords")
    if points is None:
        raise DataError("a line must have Coords", source, "draw it again")
    inner = [
        point.get(axis, "") for point in points.iter("Point") for axis in ("x", "y")
    ]  # of versions before 2013
    return numbers_in(inner or _parts(points.get("points", "")), source)


def _alto_corners(line: "Xml.Element[str]", source: str) -> list[float]:
    outline = line.find("Shape/Polygon")
    if outline is not None:
        return numbers_in(_parts(outline.get("POINTS", "")), source)
    x, y, width, height = numbers_in([line.get(key, "") for key in BOX], source)
    return rectangle(x, y, width, height)


def _parts(points: str) -> list[str]:
    return re.split(r"[\s,]+", points.strip())
