"""What tells one tool's JSON file of many photos from that of another, and the photos in it; see `set_json`.

A function here may raise KeyError, TypeError, ValueError and their like for what is not as its tool writes it: the
reader says which photo.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from train.data.folders.notes import note
from train.data.formats.photo_files.page_json_kinds import Size, box_of, contest_region, text_from
from train.data.formats.photo_lists.coco import TEXTS
from train.data.formats.shapes import labelled_size, numbers_of, rectangle, text_in
from train.data.photos.regions import Region, as_region, is_set


@dataclass(frozen=True)
class Photo:
    """A photo of a set: what it is called, its regions, and height and width when it was labelled, if they are told."""

    name: str
    regions: list[Region]
    labelled: Size | None = None


OF_PHOTO, OUTLINES, TURNED = ("label", "caption"), ("bbox", "polygon"), "rotated_bbox"
"""What Datumaro's annotations are: of the whole photo, read here, and a place that would be lost."""
PhotosOf = Callable[[Any, str, str], Iterator[Photo]]
"""Yields the photos of what a file holds; given the option `text` and `file:line`."""


def _is_contest(content: Any) -> bool:
    """Whether photos stand by their names, each with a list of regions; as in ArT and LSVT."""
    items = list(content.values()) if isinstance(content, dict) else []
    first = next((item for held in items if isinstance(held, list) for item in held), None)
    return all(isinstance(held, list) for held in items) and _has(first, "points", "transcription")


def _contest(content: Any, text: str, source: str) -> Iterator[Photo]:
    for name, items in content.items():
        yield Photo(name, [contest_region(item, f"{source}: {name}") for item in items])


def _is_xfund(content: Any) -> bool:
    return _has(content, "documents") and _has(_first(content["documents"]), "document", "img")


def _xfund(content: Any, text: str, source: str) -> Iterator[Photo]:
    for page in content["documents"]:
        image = page["img"]
        regions = [box_of(entry["box"], text_from(entry["text"]), source) for entry in page["document"]]
        yield Photo(str(image["fname"]), regions, labelled_size(image.get("height"), image.get("width")))


def has_places(content: Any) -> bool:
    """Whether MMOCR's `data_list` has regions, not lines that are cut out."""
    photos = content["data_list"] if _has(content, "data_list") else None
    return isinstance(photos, list) and any(
        _has(instance, place)
        for photo in photos
        if _has(photo, "img_path", "instances") and isinstance(photo["instances"], list)
        for instance in photo["instances"]
        for place in ("polygon", "bbox")
    )


def _mmocr(content: Any, text: str, source: str) -> Iterator[Photo]:
    for photo in content["data_list"]:
        regions = [_mmocr_region(held, source) for held in photo["instances"]]
        yield Photo(photo["img_path"], regions, labelled_size(photo.get("height"), photo.get("width")))


def _mmocr_region(held: dict[str, Any], source: str) -> Region:
    text = text_from(held.get("text"))
    outline = held.get("polygon")
    region = as_region(numbers_of(outline, source), text) if outline else box_of(held["bbox"], text, source)
    return replace(region, ignored=region.ignored or is_set(held.get("ignore")))


def _is_datumaro(content: Any) -> bool:
    return _has(content, "items", "categories") and _has(_first(content["items"]), "id", "annotations")


def _datumaro(content: Any, text: str, source: str) -> Iterator[Photo]:
    others = Counter[str]()
    for item in content["items"]:
        image = item.get("image") or {}
        parts = [part for part in item["annotations"] if part["type"] not in OF_PHOTO]
        read = [part for part in parts if part["type"] in OUTLINES]
        kinds = [part["type"] for part in parts if part["type"] not in OUTLINES]
        if kinds and (not read or TURNED in kinds):
            raise ValueError(f"a {kinds[0] if not read else TURNED}, where bbox and polygon are read")
        others.update(kinds)
        regions = [_datumaro_region(part, text, source) for part in read]
        yield Photo(str(image.get("path") or item["id"]), regions, labelled_size(*image.get("size", (0, 0))))
    if others:
        told = ", ".join(f"{kind} {count} times" for kind, count in sorted(others.items()))
        note(f"{source}: beside bbox and polygon, which are read, there is what is passed over: {told}")


def _datumaro_region(held: dict[str, Any], text: str, source: str) -> Region:
    attributes = held.get("attributes") or {}
    words = {key: value for key, value in attributes.items() if isinstance(value, str)}
    told = text_in(words, [text] if text else TEXTS, source) or ""
    unread = any(is_set(attributes.get(flag)) for flag in ("difficult", "ignore", "illegible", "is_crowd"))
    outline = held["type"] == "polygon"
    corners = numbers_of(held["points"], source) if outline else rectangle(*numbers_of(held["bbox"], source))
    return as_region(corners, told, unread)


def _is_createml(content: Any) -> bool:
    first = _first(content)
    return _has(first, "image", "annotations") and (
        not first["annotations"] or _has(_first(first["annotations"]), "coordinates")
    )


def _createml(content: Any, text: str, source: str) -> Iterator[Photo]:
    """Yield photos of which the places are known alone: labels are classes there."""
    for photo in content:
        places = [held["coordinates"] for held in photo["annotations"]]
        sides = (numbers_of([at[key] for key in ("x", "y", "width", "height")], source) for at in places)
        regions = [
            as_region(rectangle(x - width / 2, y - height / 2, width, height), "")
            for x, y, width, height in sides
        ]
        yield Photo(str(photo["image"]), regions)


def _is_hiertext(content: Any) -> bool:
    return _has(content, "annotations") and _has(_first(content["annotations"]), "image_id", "paragraphs")


def _hiertext(content: Any, text: str, source: str) -> Iterator[Photo]:
    """Yield lines; a paragraph without any is ignored, as are lines that cannot be read."""
    for photo in content["annotations"]:
        parts = [
            part for held in photo["paragraphs"] for part in held.get("lines") or [{**held, "legible": False}]
        ]
        regions = [
            as_region(
                numbers_of(part["vertices"], source),
                text_from(part.get("text")),
                part.get("legible") is False,
            )
            for part in parts
        ]
        size = labelled_size(photo.get("image_height"), photo.get("image_width"))
        yield Photo(str(photo["image_id"]), regions, size)


def _has(held: Any, *keys: str) -> bool:
    return isinstance(held, dict) and all(key in held for key in keys)


def _first(items: Any) -> Any:
    return items[0] if isinstance(items, list) and items else None


KINDS: tuple[tuple[Callable[[Any], bool], PhotosOf], ...] = (
    (_is_contest, _contest),
    (_is_xfund, _xfund),
    (has_places, _mmocr),
    (_is_datumaro, _datumaro),
    (_is_createml, _createml),
    (_is_hiertext, _hiertext),
)
