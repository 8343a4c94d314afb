"""VGG Image Annotator's JSON, a project or exported annotations, or CSV: rectangles and polygons with attributes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from train.data.formats import FORMATS, ROOT, Format
from train.data.formats.annotation_tools.cvat import IGNORED, Cvat
from train.data.formats.annotation_tools.via_csv import is_via_csv, photos_in_csv
from train.data.formats.json_files import peek_json, read_json
from train.data.formats.photo_files.page_xml import PageXml
from train.data.formats.photo_lists.coco import TEXTS
from train.data.formats.places import find_images
from train.data.formats.shapes import note_attributes, numbers_of, rectangle, text_in
from train.data.formats.splits import find_exports, splits_told
from train.data.photos.regions import Region, as_region, is_set, label_of
from train.data.sample import Sample
from train.errors import DataError

PROJECT, REGIONS, SHAPE, ATTRIBUTES = "_via_img_metadata", "regions", "shape_attributes", "region_attributes"
RECTANGLE, OUTLINES = "rect", ("polygon", "polyline")


@FORMATS.register("via")
class Via(Format):
    """One file, or one for each split, beside the photos.

    Option `text`: the attribute of a region that holds its text; by default the first of the usual ones. Where there
    is none, only the place is known.
    """

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"text": "", **ROOT}
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the files of a folder by the split in their names, else those of the folders of splits."""
        if found := find_exports(root, ".json", _is_ours):
            return found
        others = any(other.find(root) for other in (Cvat, PageXml))  # beside which a CSV is but a table
        return {} if others else find_exports(root, ".csv", is_via_csv)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a photo, in the file's order; its source has its number."""
        path = path.absolute()
        photos = photos_in_csv(path) if is_via_csv(path) else _photos(read_json(path))
        names = [str(photo["filename"]) for photo in photos]
        paths = find_images(path, names, options.get("root", ""))
        splits = splits_told(path, names)
        keys = (options["text"],) if options.get("text") else TEXTS
        labels = [list(_regions(photo, keys, f"{path}:{number}")) for number, photo in enumerate(photos, 1)]
        if not any(region.text for regions in labels for region in regions):
            note_attributes(
                path, (name for photo in photos for item in _items(photo) for name in _attributes(item))
            )
        for number, (name, regions, split) in enumerate(zip(names, labels, splits, strict=True), 1):
            yield Sample(paths[name], label_of(regions), f"{path}:{number}", split)


def _is_ours(path: Path) -> bool:
    return bool(_photos(peek_json(path)))


def _photos(content: Any) -> list[dict[str, Any]]:
    """Return what is said of each photo; nothing of what is no such file."""
    held = content.get(PROJECT, content) if isinstance(content, dict) else {}
    photos = list(held.values()) if isinstance(held, dict) else []
    ours = all(isinstance(photo, dict) and {"filename", REGIONS} <= photo.keys() for photo in photos)
    return photos if ours else []


def _items(photo: Mapping[str, Any]) -> list[Any]:
    """Return a photo's regions, which the first version has as an object by number."""
    regions = photo[REGIONS]
    return (
        list(regions.values()) if isinstance(regions, dict) else regions if isinstance(regions, list) else []
    )


def _regions(photo: Mapping[str, Any], keys: Sequence[str], source: str) -> Iterator[Region]:
    for number, item in enumerate(_items(photo), 1):
        where = f"{source}: region {number}"
        shape = item.get(SHAPE) if isinstance(item, dict) else None
        if not isinstance(shape, dict):
            raise DataError("a region must have a shape", f"{where}: {str(item)[:60]}", "export it again")
        held = _attributes(item)
        unread = any(is_set(held.get(name)) for name in IGNORED)
        yield as_region(_corners(shape, where), text_in(held, keys, where) or "", unread)


def _corners(shape: Mapping[str, Any], source: str) -> list[float]:
    kind = shape.get("name")
    if kind == RECTANGLE:
        x, y, width, height = numbers_of([shape.get(key) for key in ("x", "y", "width", "height")], source)
        return rectangle(x, y, width, height)
    across, down = shape.get("all_points_x"), shape.get("all_points_y")
    if kind not in OUTLINES or not isinstance(across, list) or not isinstance(down, list):
        raise DataError(
            "a region must be a rectangle or a polygon",
            f"{source} is a {str(kind)!r:.40}",
            "draw it so, or remove it",
        )
    if len(across) != len(down):
        raise DataError("an outline must be pairs of numbers", source, "draw it again")
    return numbers_of([list(point) for point in zip(across, down, strict=True)], source)


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    return held if isinstance(held := item.get(ATTRIBUTES), dict) else {}
