"""Where the image of a label lies: labels name an image as their tool saw it."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from train.data.folders.image_paths import holds_in_any_case, locate, note_addresses
from train.data.folders.notes import note
from train.data.folders.path_forms import alike
from train.data.folders.split_names import entries, only_split_in, split_in, split_of
from train.data.formats import IMAGE_SUFFIXES, images_in
from train.errors import DataError

IMAGE_FOLDERS = ("images", "image", "imgs", "img")
LABEL_FOLDER = "annotations"
LOOKED_AT = 100
"""So many names are looked for in a folder before another one is tried."""
ADDRESSES, ADDRESSED = ("/", "/local-files", "/uploaded"), ("d", "filepath")
"""How the paths of Label Studio's addresses end, and the keys under which they have that of an image."""
Stems = dict[Path, tuple[dict[str, list[str]], dict[str, list[str]]]]
"""Of each folder the suffixes of its images by their names, as they are and as what is alike."""
UPLOAD, UPLOADED = "/upload/", re.compile(r"[0-9a-f]{8}-(.+)")
"""The folder and the name that Label Studio gives a file that is uploaded."""


def has_image_name(name: str) -> bool:
    """Whether a name ends as an image file's does."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def find_images(
    labels: Path, names: Sequence[str], root: str = "", places: Sequence[Path] | None = None
) -> dict[str, Path]:
    """Return the image of each name, which may also be an address, or lack its suffix; as `locate`.

    Args:
        labels: the label file.
        names: as written in it.
        root: the folder that they are relative to (`--root`); empty for the first of `places` where one of them is.
        places: folders where the images may lie; None for the label file's folder and those of images in it.
    """
    plain = {name: _plain(name) for name in names}
    around = image_places(labels.absolute().parent) if places is None else places
    roots = [Path(root)] if root else around
    first = list(islice(plain.values(), LOOKED_AT))
    place = next((one for one in roots if _has_any(one, first)), None)
    place = place or next((one for one in roots if _has_any_alike(one, first)), None)
    if place is None and not root:
        plain = _in_folders_of_splits(labels, plain)
    place = place or roots[0]
    plain |= _without_uploads(labels, place, plain)
    plain = _with_their_suffixes(plain, place, labels)
    paths = locate(labels, list(plain.values()), root or (str(place) if place != around[0] else ""))
    found = {name: paths[path] for name, path in plain.items()}
    note_addresses(labels, [name for name, path in found.items() if "://" in name and not is_file(path)])
    return found


def _in_folders_of_splits(labels: Path, names: Mapping[str, str]) -> dict[str, str]:
    """Return where images lie whose first folder is called as a split, and is there under a longer name.

    So come TextOCR's: `train/a.jpg` in `train_images`.
    """
    base = labels.absolute().parent
    base = base.parent if base.name == LABEL_FOLDER else base
    folders = [folder for folder in entries(base) if only_split_in(folder.name) and folder.is_dir()]
    found = dict(names)
    for first in sorted(
        {name.partition("/")[0] for name in names.values() if split_of(name.partition("/")[0])}
    ):
        inner = {
            name: plain.partition("/")[2] for name, plain in names.items() if plain.startswith(f"{first}/")
        }
        places = [folder for folder in folders if only_split_in(folder.name) == split_of(first)]
        if len(places) == 1 and _has_any(places[0], islice(inner.values(), LOOKED_AT)):
            note(f"{labels}: its images of the folder {first} were found in {places[0]}")
            above = os.path.relpath(places[0], labels.absolute().parent)
            found |= {name: f"{above}/{rest}" for name, rest in inner.items()}
    return found


def image_places(folder: Path) -> list[Path]:
    """Return a folder of labels and the folders of images in it."""
    return [folder, *(place for name in IMAGE_FOLDERS if (place := folder / name).is_dir())]


def places_of_splits(labels: Path) -> list[Path]:
    """Return where a file's images may lie: beside it, or beside its folder; in no folder of another split.

    A file that tells no split may be of one folder that is called as a split, but not of one of several.
    """
    split = split_in(labels.stem) or split_in(labels.parent.name)
    around = [labels.parent, labels.parent.parent] if labels.parent.name == LABEL_FOLDER else [labels.parent]
    outer = [place for one in around for place in image_places(one)]
    inner = [folder for place in outer for folder in entries(place) if folder.is_dir()]
    others = [folder for folder in inner if split_in(folder.name) not in (split, None)]
    if split is None and len(others) == 1:
        others = []
    return [*outer, *(folder for folder in inner if folder not in others)]


def is_file(path: Path) -> bool:
    """Whether a path is a file's, whatever stands in it: `Path.is_file` raises for a name that is too long."""
    return os.path.isfile(path)


def _plain(name: str) -> str:
    """Return the path in an address, such as Label Studio's `/data/local-files/?d=photos/a.png`."""
    try:
        parts = urlsplit(name)
    except ValueError:
        return name
    values = parse_qs(parts.query) if parts.path.endswith(ADDRESSES) else {}
    if inner := next((values[key] for key in ADDRESSED if key in values), None):
        return "/" + inner[0].lstrip("/")
    if "://" in name or parts.scheme == "file":
        return "/" + unquote(parts.path).lstrip("/")
    return unquote(name) if UPLOAD in name else name


def _has_any(place: Path, names: Iterable[str]) -> bool:
    """Whether some names are in a folder; of a path of another machine, the last part."""
    for name in names:
        foreign = name.startswith("/") or name[1:2] == ":"
        tried = (_last(name) if foreign else name.replace("\\", "/"), _uploaded(name))
        if any(is_file(place / one) or image_called(place / one) for one in filter(None, tried)):
            return True
    return False


def _has_any_alike(place: Path, names: Sequence[str]) -> bool:
    """Whether some names are in a folder, but for letter case and Unicode form, with their suffixes or without."""
    stems: Stems = {}
    return holds_in_any_case(place, names) or any(_suffixes(name, place, stems) for name in names)


def _without_uploads(labels: Path, place: Path, names: Mapping[str, str]) -> dict[str, str]:
    """Return what images are called in a folder whose names Label Studio changed when they were uploaded.

    It puts eight digits before them, and underscores for blanks.
    """
    uploads = {name: plain for name, path in names.items() if (plain := _uploaded(path))}
    there = {image.name.replace(" ", "_"): image.name for image in images_in(place)} if uploads else {}
    found: dict[str, str] = {}
    for name, plain in uploads.items():
        if (image := there.get(plain)) and not is_file(place / _last(name)):
            if image in found.values():
                raise DataError(
                    "each uploaded image must have a name of its own",
                    f"{labels}: several are {image}",
                    "export the images from Label Studio, too, and take those",
                )
            found[name] = image
    return found


def _uploaded(name: str) -> str:
    """Return the name that an uploaded image had before; nothing for another."""
    match = UPLOADED.fullmatch(_last(name)) if UPLOAD in name else None
    return match[1] if match else ""


def _last(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name


def _with_their_suffixes(names: Mapping[str, str], place: Path, labels: Path) -> dict[str, str]:
    """Return names with the suffixes of the images that are there, where they have none.

    Where several images bear one name, as photos and their masks do, those with the only suffix of all names are meant.

    Raises:
        DataError: there is no such suffix.
    """
    stems: Stems = {}
    found = {name: _suffixes(path, place, stems) for name, path in names.items()}
    several = next((name for name, suffixes in found.items() if len(suffixes) > 1), None)
    if several is None:
        return {name: path + "".join(found.get(name, [])) for name, path in names.items()}
    shared = set.intersection(*(set(suffixes) for suffixes in found.values() if suffixes))
    if len(shared) != 1:
        images = " and ".join(Path(several).name + suffix for suffix in found[several])
        raise DataError(
            "a name without a suffix must be one image",
            f"{labels}: {several} is {images} in {(place / names[several]).parent}",
            "write their suffixes into the labels, or move the others away",
        )
    [suffix] = shared
    note(f"{labels}: names without suffixes, as {several}, are taken for images in {suffix}, as all have one")
    return {name: path + (suffix if found.get(name) else "") for name, path in names.items()}


def _suffixes(name: str, place: Path, stems: Stems) -> list[str]:
    """Return the suffixes of the images that are called so, else of those called alike; `stems` keeps folders."""
    if not name or has_image_name(name):
        return []
    folder, stem = (place / name).parent, (place / name).name
    if folder not in stems:
        stems[folder] = {}, {}
        for image in images_in(folder):
            stems[folder][0].setdefault(image.stem, []).append(image.suffix)
            stems[folder][1].setdefault(alike(image.stem), []).append(image.suffix)
    as_it_is, others = stems[folder]
    return as_it_is.get(stem) or others.get(alike(stem), [])


def image_called(path: Path) -> Path | None:
    """Return the image that is called as a path is, and has a suffix besides."""
    suffixes = sorted(IMAGE_SUFFIXES) if path.name and not has_image_name(path.name) else []
    paths = (path.with_name(path.name + suffix) for end in suffixes for suffix in (end, end.upper()))
    return next((path for path in paths if is_file(path)), None)
