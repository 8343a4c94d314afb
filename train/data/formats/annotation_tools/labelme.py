"""LabelMe's files, one JSON an image with `shapes` and `imagePath`; X-AnyLabeling's are the same."""

import base64
import binascii
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from train.data.folders.beside import files_ending
from train.data.folders.unpacked import unpack
from train.data.formats import FORMATS, ROOT, Format, by_split, images_in, itself
from train.data.formats.file_each import names_of_own
from train.data.formats.json_files import peek_json, read_json
from train.data.formats.places import find_images, is_file
from train.data.formats.shapes import labelled_size, note_classes, numbers_of, rectangle, text_in
from train.data.photos.regions import Region, as_region, is_set, label_of
from train.data.pictures.kinds import image_name
from train.data.sample import Sample
from train.errors import DataError, UsageError

SHAPES, IMAGE, EMBEDDED = "shapes", "imagePath", "imageData"
LABEL, DESCRIPTION, AUTO = "label", "description", "auto"
OUTLINES, RECTANGLE = ("polygon", "rotation", "quadrilateral"), "rectangle"
IGNORED_FLAGS = ("difficult", "ignore", "ignored")
LOOKED_AT = 20
"""So many JSON files of a folder are opened to see whether they are LabelMe's."""


@FORMATS.register("labelme")
class LabelMe(Format):
    """A folder of such files (or one each for train, val, test), or one file.

    Option `text`: where the text of a shape stands, `label` or `description`; by default `description`, if any shape
    of the folder has one.
    """

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"text": AUTO, **ROOT}
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders with such a file."""
        if root.is_file():
            return itself(root, ".json", is_labelme)
        return by_split(root, lambda folder: any(map(is_labelme, islice(_files(folder), LOOKED_AT))))

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample a file, by name."""
        path = path.absolute()
        beside = {image.stem: image for image in images_in(_folder(path))}
        files = [path] if path.is_file() else [file for file in _files(path) if _is_read(file, beside)]
        pages = _each_its_own(path, [_page(file) for file in files])
        key = _text_key(options.get("text", AUTO), pages)
        root = options.get("root", "")
        moved = {} if root else {page.file: image for page in pages if (image := _moved_along(page))}
        named = [page.image for page in pages if page.image and page.file not in moved]
        paths = find_images(files[0], named, root) if files else {}
        if key == LABEL:
            note_classes(
                path, [shape.get(key) for page in pages for shape in page.shapes], "their descriptions"
            )
        for page in pages:
            regions = [
                _region(shape, key, f"{page.file}:1: shape {i}") for i, shape in enumerate(page.shapes, 1)
            ]
            image = moved.get(page.file) or _image(page, paths, beside)
            yield Sample(image, label_of(regions), f"{page.file}:1", size=page.size)


@dataclass(frozen=True)
class _Page:
    """What a file holds, but for the image itself."""

    file: Path
    shapes: list[dict[str, Any]]
    image: str
    size: tuple[int, int] | None


def is_labelme(path: Path) -> bool:
    """Whether a file is LabelMe's."""
    content = peek_json(path) if path.is_file() else None
    return isinstance(content, dict) and isinstance(content.get(SHAPES), list)


def _is_read(file: Path, beside: Collection[str]) -> bool:
    """Whether a file is LabelMe's, or is broken and has an image of its name: then it is refused by its line."""
    return is_labelme(file) or (file.stem in beside and peek_json(file) is None)


def _each_its_own(path: Path, pages: Sequence[_Page]) -> list[_Page]:
    """Return the files, without the name of an image that is another one's."""
    names = names_of_own(path, {page.file: page.image for page in pages if page.image}, [_folder(path)])
    return [replace(page, image=page.image if names.get(page.file) == page.image else "") for page in pages]


def _folder(path: Path) -> Path:
    return path.parent if path.is_file() else path


def _files(folder: Path) -> Iterator[Path]:
    return iter(files_ending(folder, ".json"))


def _page(file: Path) -> _Page:
    content = read_json(file)
    shapes = content.get(SHAPES) if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise DataError("shapes must be JSON objects", f"{file}:1", "save the file again with its tool")
    size = labelled_size(content.get("imageHeight"), content.get("imageWidth"))
    return _Page(file, shapes, text_in(content, [IMAGE], f"{file}:1") or "", size)


def _text_key(option: str, pages: list[_Page]) -> str:
    if option not in (AUTO, LABEL, DESCRIPTION):
        raise UsageError("text must be label, description or auto", repr(option), "write --option text=label")
    described = any(shape.get(DESCRIPTION) for page in pages for shape in page.shapes)
    return option if option != AUTO else DESCRIPTION if described else LABEL


def _region(shape: dict[str, Any], key: str, source: str) -> Region:
    kind = shape.get("shape_type") or OUTLINES[0]
    numbers = numbers_of(shape.get("points"), source)
    if kind == RECTANGLE and len(numbers) == 4:
        left, top, right, bottom = numbers
        numbers = rectangle(left, top, right - left, bottom - top)
    elif kind not in (*OUTLINES, RECTANGLE):
        raise DataError(
            "a shape must be a polygon or a rectangle",
            f"{source} is a {str(kind)!r:.40}",
            "draw it so, or remove it",
        )
    flags = {**shape, **(held if isinstance(held := shape.get("flags"), dict) else {})}
    unread = any(is_set(flags.get(name)) for name in IGNORED_FLAGS)
    return as_region(numbers, text_in(shape, [key], source) or "", unread)


def _image(page: _Page, paths: Mapping[str, Path], beside: Mapping[str, Path]) -> Path:
    """Return where an image lies that has not moved along: as its file says, else beside it, else inside of it."""
    named = paths.get(page.image)
    if named and is_file(named):
        return named
    if image := beside.get(page.file.stem):
        return image
    if read_json(page.file).get(EMBEDDED):
        return _unpacked(page.file)
    return named or page.file.with_suffix(".png")


def _moved_along(page: _Page) -> Path | None:
    """Return the image that is no longer where its file says, but beside that file, and is called as it is."""
    name = PurePosixPath(page.image.replace("\\", "/"))
    here = page.file.with_name(name.name) if name.stem == page.file.stem else None
    return here if here and is_file(here) and not is_file(page.file.parent / name) else None


def _unpacked(file: Path) -> Path:
    def images() -> Iterator[tuple[str, bytes]]:
        try:
            content = base64.b64decode(read_json(file)[EMBEDDED], validate=True)
        except (TypeError, binascii.Error, ValueError) as error:
            raise DataError(
                f"{EMBEDDED} must be an image in base64", f"{file}:1", "put the image beside it"
            ) from error
        yield image_name(1, content), content

    return next(unpack([file], "labelme 1", images).iterdir())
