"""COCO's annotations with texts, and COCO-Text's: outlines or boxes in pixels."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from train.data.folders.beside import files_of_sets
from train.data.formats import FORMATS, ROOT, Format, by_split, itself
from train.data.formats.json_files import peek_json, read_json
from train.data.formats.places import LABEL_FOLDER, find_images, places_of_splits
from train.data.formats.shapes import degrees_of, labelled_size, note_attributes, numbers_of, text_in, turned
from train.data.formats.splits import files_by_split, splits_told
from train.data.photos.regions import Region, as_region, is_set, label_of
from train.data.sample import Sample
from train.errors import DataError

IMAGES, ANNOTATIONS = ("images", "imgs"), ("annotations", "anns")
TEXTS = ("utf8_string", "text", "transcription", "caption", "string", "value")
OUTLINES = ("segmentation", "mask", "points")
"""Where an outline stands: of COCO, COCO-Text, TextOCR."""
ILLEGIBLE = "."
"""What TextOCR has under the first of these for a text that nobody can read."""
SAID = frozenset({"id", "image_id", "legibility", "language", "class"})
"""Keys of an annotation that hold no text, though they may be one."""
SET = "set"
"""The key under which COCO-Text has the split of an image."""
CORNERS = 4


@FORMATS.register("coco")
class Coco(Format):
    """A file, or one for each split, beside the photos or in `annotations` beside their folders.

    Option `text`: the key of an annotation, or of its `attributes`, that holds the text; by default the first of the
    usual ones. Where there is none, only the place is known.
    """

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"text": "", **ROOT}
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the files by the split in their names, or in the names of their folders."""
        if root.is_file():
            return itself(root, ".json", _is_ours)
        for folder in (root, root / LABEL_FOLDER):
            if files := files_by_split(folder, _files(folder)):
                return files
        folders = by_split(root, lambda folder: bool(_files(folder)))
        return {
            split: file
            for split, folder in folders.items()
            for file in files_by_split(folder, _files(folder)).values()
        }

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image, in the file's order; its source has its number."""
        path = path.absolute()
        content = read_json(path)
        source = f"{path}:1"
        images = _items(content, IMAGES, source)
        key = options.get("text", "")
        annotations = _items(content, ANNOTATIONS, source)
        regions = _regions(annotations, _ids(images, source), key, source)
        if not any(region.text for some in regions.values() for region in some):
            note_attributes(path, _attributes(annotations))
        names = [_name(image, source) for image in images]
        paths = find_images(path, names, options.get("root", ""), places_of_splits(path))
        splits = splits_told(path, names, [image.get(SET) for image in images])
        for number, (image, name, split) in enumerate(zip(images, names, splits, strict=True), 1):
            size = labelled_size(image.get("height"), image.get("width"))
            yield Sample(paths[name], label_of(regions[image["id"]]), f"{path}:{number}", split, size=size)


def _attributes(annotations: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the keys under which annotations have texts."""
    for annotation in annotations:
        held = annotation.get("attributes")
        for key, value in {**annotation, **(held if isinstance(held, dict) else {})}.items():
            if isinstance(value, str) and value and key not in SAID:
                yield key


def _name(image: dict[str, Any], source: str) -> str:
    name = _of(image, "file_name", source)
    if not isinstance(name, str):
        raise DataError("an image must have a file_name", f"{source}: {name!r}", "name it")
    return name


def _files(folder: Path) -> list[Path]:
    return list(filter(_is_ours, files_of_sets(folder, ".json")))


def _is_ours(path: Path) -> bool:
    content = peek_json(path)
    if not isinstance(content, dict):
        return False
    held = [next((content[key] for key in keys if key in content), None) for keys in (IMAGES, ANNOTATIONS)]
    return all(isinstance(value, list | dict) for value in held)


def _items(content: Any, keys: Sequence[str], source: str) -> list[dict[str, Any]]:
    """Return a list of objects, which COCO-Text has as an object by id."""
    held = next((content[key] for key in keys if key in content), None) if isinstance(content, dict) else None
    items = list(held.values()) if isinstance(held, dict) else held
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise DataError(f"COCO must have a list of {keys[0]}", source, "export it again")
    return items


def _of(item: dict[str, Any], key: str, source: str) -> Any:
    if key not in item or isinstance(item[key], dict | list):
        raise DataError(f"every entry must have {key}", f"{source}: {str(item)[:80]}", "export it again")
    return item[key]


def _ids(images: Sequence[dict[str, Any]], source: str) -> set[Any]:
    """Return the ids of images; raise DataError for one of two images: each would have the regions of both."""
    ids: set[Any] = set()
    for image in images:
        key = _of(image, "id", source)
        if key in ids:
            raise DataError(
                "each image must have an id of its own",
                f"{source}: {key} twice",
                "number files anew as you join them",
            )
        ids.add(key)
    return ids


def _regions(
    annotations: Sequence[dict[str, Any]], image_ids: set[Any], key: str, source: str
) -> defaultdict[Any, list[Region]]:
    """Return the regions by the id of their image."""
    regions: defaultdict[Any, list[Region]] = defaultdict(list)
    for number, annotation in enumerate(annotations, 1):
        where = f"{source}: annotation {annotation.get('id', number)}"
        image = _of(annotation, "image_id", where)
        if image not in image_ids:
            raise DataError(
                "an annotation must be of an image of the file", f"{where} of {image}", "export it again"
            )
        regions[image].append(_region(annotation, key, where))
    return regions


def _region(annotation: dict[str, Any], key: str, source: str) -> Region:
    keys = (key,) if key else TEXTS
    attributes = annotation.get("attributes")
    held = attributes if isinstance(attributes, dict) else {}
    text = text_in(annotation, keys, source) or text_in(held, keys, source) or ""
    flags = {**annotation, **held}
    unread = (
        flags.get("legibility") == "illegible"
        or annotation.get(TEXTS[0]) == ILLEGIBLE
        or any(is_set(flags.get(name)) for name in ("iscrowd", "ignore", "illegible"))
    )
    return as_region(_corners(annotation, degrees_of(held.get("rotation")), source), text, unread)


def _corners(annotation: dict[str, Any], degrees: float, source: str) -> list[float]:
    """Return an outline where there is one of one piece, else the box, turned as CVAT's attribute has it."""
    outline = next((held for key in OUTLINES if (held := annotation.get(key))), None)
    if isinstance(outline, list) and len(outline) == 1 and isinstance(outline[0], list):
        outline = outline[0]
    if isinstance(outline, list) and len(outline) >= 2 * CORNERS and not isinstance(outline[0], list):
        return numbers_of(outline, source)
    box = numbers_of(annotation.get("bbox"), source)
    if len(box) != 4:
        raise DataError("an annotation must have a bbox or an outline", f"{source}: {box}", "export it again")
    x, y, width, height = box
    return turned(x, y, width, height, degrees)
