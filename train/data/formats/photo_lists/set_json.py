"""One JSON file for the photos of a split: ArT, LSVT, XFUND, MMOCR's regions, Datumaro, CreateML, HierText."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from train.data.folders.split_names import split_within
from train.data.formats import FORMATS, ROOT, Format, images_in
from train.data.formats.apart import ImagesAround
from train.data.formats.json_files import peek_json, read_json
from train.data.formats.photo_files.page_json_kinds import said
from train.data.formats.photo_lists.set_json_kinds import KINDS, Photo, PhotosOf
from train.data.formats.places import LABEL_FOLDER, find_images, has_image_name, places_of_splits
from train.data.formats.splits import find_exports
from train.data.photos.regions import label_of
from train.data.sample import Sample
from train.errors import DataError

SUFFIXES, TRUTH_FOLDER = (".json", ".jsonl"), "gt"
"""HierText's one JSON object stands in `gt/train.jsonl`."""


@FORMATS.register("set_json")
class SetJson(Format):
    """A file, or one for each split, beside the photos or in `annotations`; option `text`: Datumaro's attribute."""

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"text": "", **ROOT}
    turn = 2

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the files by the split in their names, or in the names of their folders."""
        places = (root, root / LABEL_FOLDER, root / TRUTH_FOLDER)
        tried = (find_exports(place, suffix, _is_ours) for suffix in SUFFIXES for place in places)
        return next(filter(None, tried), {})

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a photo, in the file's order; its source has its number."""
        path, root = path.absolute(), options.get("root", "")
        content, photos = read_json(path), list[Photo]()
        read = _kind(content)
        if read is None:
            raise DataError("a label file must be of a known form", path, "see docs/other-tools.md")
        try:
            photos.extend(read(content, options.get("text", ""), f"{path}:1"))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(
                "each photo must be as its tool writes it",
                f"{path}:1: photo {len(photos) + 1}: {said(error)}",
                "mend or remove it",
            ) from error
        images = _images(path, [photo.name for photo in photos], root)
        for number, photo in enumerate(photos, 1):
            yield Sample(images[photo.name], label_of(photo.regions), f"{path}:{number}", size=photo.labelled)


def _images(path: Path, names: list[str], root: str) -> dict[str, Path]:
    """Return the image of each name: a path, or what ArT and LSVT have, which is a name without its suffix."""
    if len({*names}) < len(names):
        twice = next(name for number, name in enumerate(names) if name in names[:number])
        raise DataError("a photo must be labelled once", f"{path}:1: {twice!r} twice", "remove one of them")
    called = list(filter(has_image_name, names))
    found = find_images(path, called, root, places_of_splits(path)) if called else {}
    if len(called) == len(names):
        return found
    is_apart = path.parent.name == LABEL_FOLDER or (
        path.parent.name == TRUTH_FOLDER and not images_in(path.parent)
    )
    place = path.parent.parent if is_apart else path.parent
    images = ImagesAround(place, root, split_within(path.stem), within=True)
    rule = "each photo of the file must be one image of its name, beside it or in a folder beside it"
    others = [name for name in names if name not in found]
    return found | {name: images.find(name, path, f"{rule} ({name})") for name in others}


def _kind(content: Any) -> PhotosOf | None:
    return next((read for matches, read in KINDS if matches(content)), None)


def _is_ours(path: Path) -> bool:
    return _kind(peek_json(path)) is not None
