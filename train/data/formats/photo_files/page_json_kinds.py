"""What tells the JSON of one tool from that of another, and the regions in it; see `page_json` and `set_json`.

A function here may raise KeyError, TypeError, ValueError and their like for what is not as its tool writes it: the
reader says the file.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from train.data.formats.photo_lists.coco import TEXTS
from train.data.formats.shapes import labelled_size, numbers_of, rectangle, rounded, text_in
from train.data.photos.regions import Region, as_region, is_set

SEVERAL = "several pages, where a file for each image is read"
Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True)
class Page:
    """A photo, as its file tells it.

    Attributes:
        content: what the file holds.
        size: height and width of the photo, where its places are shares of them; else zeros.
        text: the option `text`.
        source: `file:line`.
    """

    content: Any
    size: Size
    text: str
    source: str


@dataclass(frozen=True)
class Kind:
    """How one tool writes a photo's regions.

    Attributes:
        name: of the tool or the set.
        keys: what its JSON object has, with the types of their values.
        regions: yields those of a page.
        labelled: returns height and width that the photo had when it was labelled, if they are told.
        image: returns what the photo is called, if that is told; else the label file's name tells it.
        shares: whether places are shares of the photo.
    """

    name: str
    keys: dict[str, type]
    regions: Callable[[Page], Iterator[Region]]
    labelled: Callable[[Any], Size | None] = lambda content: None
    image: Callable[[Any], str] = lambda content: ""
    shares: bool = False

    def matches(self, content: Any) -> bool:
        """Whether what a file holds is of this kind."""
        return isinstance(content, dict) and all(
            isinstance(content.get(key), kind) for key, kind in self.keys.items()
        )


def text_from(held: Any) -> str:
    """Return a text; an empty one for none."""
    if held is not None and not isinstance(held, str):
        raise ValueError(f"a text must be a string, got {held!r:.40}")
    return held or ""


def box_of(sides: Any, text: str, source: str) -> Region:
    """Return the region of left, top, right, bottom."""
    left, top, right, bottom = numbers_of(sides, source)
    return as_region(rectangle(left, top, right - left, bottom - top), text)


def _funsd(page: Page) -> Iterator[Region]:
    """Yield words: an entry may have several lines."""
    for entry in page.content["form"]:
        for word in entry.get("words") or [entry]:
            yield box_of(word["box"], text_from(word["text"]), page.source)


def _cord(page: Page) -> Iterator[Region]:
    """Yield words: what CORD calls a line may be several; and what is not to be cared for, as ignored."""
    for line in page.content["valid_line"]:
        for word in line["words"]:
            yield as_region(_quad(word["quad"], page.source), text_from(word["text"]))
    for quad in _dicts(page.content.get("dontcare")):
        yield as_region(_quad(quad, page.source), "", True)


def _quad(quad: dict[str, Any], source: str) -> list[float]:
    return numbers_of([quad[f"{axis}{corner}"] for corner in range(1, 5) for axis in "xy"], source)


def _dicts(held: Any) -> Iterator[dict[str, Any]]:
    if isinstance(held, dict):
        yield held
    for item in held if isinstance(held, list) else ():
        yield from _dicts(item)


def contest_region(item: dict[str, Any], source: str) -> Region:
    """Return a region as the contests of 2019 have it, and MMOCR: an outline, a text, perhaps a flag."""
    unread = any(is_set(item.get(flag)) for flag in ("ignore", "illegibility"))
    return as_region(numbers_of(item["points"], source), text_from(item.get("transcription")), unread)


def _rects(page: Page) -> Iterator[Region]:
    return (contest_region(line, page.source) for line in page.content["lines"])


def _supervisely(page: Page) -> Iterator[Region]:
    for thing in page.content["objects"]:
        kind, points = thing["geometryType"], thing["points"]["exterior"]
        if kind not in ("rectangle", "polygon"):
            raise ValueError(f"a {kind}, where rectangles and polygons are read")
        held = {
            tag["name"]: tag["value"] for tag in thing.get("tags", ()) if isinstance(tag.get("value"), str)
        }
        text = text_in(held, [page.text] if page.text else TEXTS, page.source) or ""
        numbers = numbers_of(points, page.source)
        yield box_of(numbers, text, page.source) if kind == "rectangle" else as_region(numbers, text)


def _azure(page: Page) -> Iterator[Region]:
    result = page.content["analyzeResult"]
    sheet, *more = result.get("readResults") or result["pages"]
    if more:
        raise ValueError(SEVERAL)
    if sheet.get("unit", "pixel") != "pixel":
        raise ValueError(f"places in {sheet['unit']}, where pixels of an image are read")
    for line in sheet["lines"]:
        outline = line.get("boundingBox") or line["polygon"]
        text = text_from(line["text"] if "text" in line else line["content"])
        yield as_region(numbers_of([_point(one) for one in outline], page.source), text)


def _point(held: Any) -> Any:
    return [held["x"], held["y"]] if isinstance(held, dict) else held


def _azure_size(content: Any) -> Size | None:
    result = content["analyzeResult"]
    return _told_size((result.get("readResults") or result["pages"])[0])


def _told_size(held: Any) -> Size | None:
    return labelled_size(held.get("height"), held.get("width")) if isinstance(held, dict) else None


def _textract(page: Page) -> Iterator[Region]:
    height, width = page.size
    for block in page.content["Blocks"]:
        if block.get("Page", 1) != 1:
            raise ValueError(SEVERAL)
        if block["BlockType"] == "LINE":
            shares = [point[axis] for point in block["Geometry"]["Polygon"] for axis in ("X", "Y")]
            numbers = numbers_of(shares, page.source)
            yield as_region(
                rounded([n * (height if i % 2 else width) for i, n in enumerate(numbers)]),
                text_from(block["Text"]),
            )


def _google(page: Page) -> Iterator[Region]:
    """Yield words: the first text is that of the whole photo. A coordinate that is 0 is left out there."""
    answer, *more = page.content["responses"]
    if more:
        raise ValueError(SEVERAL)
    for word in answer.get("textAnnotations", [])[1:]:
        corners = [[point.get("x", 0), point.get("y", 0)] for point in word["boundingPoly"]["vertices"]]
        yield as_region(numbers_of(corners, page.source), text_from(word["description"]))


def _paddlex(page: Page) -> Iterator[Region]:
    """Yield lines; raise ValueError for places in what PaddleX made of the photo, as it does by default."""
    made = page.content.get("doc_preprocessor_res") or {}
    if made.get("angle", 0) > 0 or made.get("model_settings", {}).get("use_doc_unwarping"):
        raise ValueError(
            "places in a copy that PaddleX turned or flattened: read the photos with use_doc_orientation_classify and "
            "use_doc_unwarping set to False"
        )
    for outline, text in zip(page.content["rec_polys"], page.content["rec_texts"], strict=True):
        yield as_region(numbers_of(outline, page.source), text_from(text))


def said(error: Exception) -> str:
    """Return what a person is told of a fault: our words, or the name of Python's error with what it was about."""
    return str(error) if type(error) is ValueError else f"{error!r:.120}"


def last_part(name: str) -> str:
    """Return the file's name of a path of any system."""
    return PurePosixPath(name.replace("\\", "/")).name


KINDS: Iterable[Kind] = (
    Kind("FUNSD", {"form": list}, _funsd),
    Kind(
        "CORD",
        {"valid_line": list},
        _cord,
        lambda content: _told_size(content.get("meta", {}).get("image_size")),
    ),
    Kind("ReCTS", {"lines": list, "chars": list}, _rects),
    Kind(
        "Supervisely",
        {"objects": list, "size": dict},
        _supervisely,
        lambda content: _told_size(content["size"]),
    ),
    Kind("Azure", {"analyzeResult": dict}, _azure, _azure_size),
    Kind("Textract", {"Blocks": list, "DocumentMetadata": dict}, _textract, shares=True),
    Kind("Google Vision", {"responses": list}, _google),
    Kind(
        "PaddleX",
        {"rec_texts": list, "rec_polys": list},
        _paddlex,
        image=lambda content: last_part(str(content.get("input_path") or "")),
    ),
)
