"""Where the image of a label lies: labels name an image as their tool saw it."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice, takewhile
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from train.data.folders.beside import files_ending
from train.data.folders.image_paths import holds_in_any_case, locate
from train.data.folders.notes import note
from train.data.folders.path_forms import alike
from train.data.folders.split_names import entries, in_order, only_one, only_split_in, split_in, split_of
from train.data.formats import IMAGE_SUFFIXES, SPLITS, by_split, images_in, itself
from train.data.sample import BY_FOLDER, UNTOLD
from train.errors import DataError

IMAGE_FOLDERS = ("images", "image", "imgs", "img")
LABEL_FOLDER = "annotations"
LOOKED_AT = 100
"""So many names are looked for in a folder before another one is tried."""
TRIED = 20
"""So many label files are tried before a folder is taken for another format's."""
ADDRESSES, ADDRESSED = ("/", "/local-files", "/uploaded"), ("d", "filepath")
"""How the paths of Label Studio's addresses end, and the keys under which they have that of an image."""
UNSET = "default"
"""What CVAT calls the photos that no split was chosen for."""
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
    return {name: paths[path] for name, path in plain.items()}


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


def splits_told(labels: Path, names: Sequence[str], told: Sequence[object] = ()) -> list[str]:
    """Return the split of each image of a file that holds several; empty texts where it holds one.

    Args:
        labels: the file.
        names: of the images; the first folders in which their paths differ may be called as splits are.
        told: what the file says of each itself.

    Returns:
        `UNTOLD` for an image of which the file does not say it, where it does of others; `BY_FOLDER` behind what
        folders tell.
    """
    splits = list(map(_split_of, told))
    if len({*splits}) > 1:
        return [split or UNTOLD for split in splits]
    words = sorted({word for word in told if isinstance(word, str) and word.strip()} - {UNSET})
    if words and not any(splits):
        note(
            f"{labels}: what it says of splits is none of train, val, test, and passed over: {words[0]!r:.80}"
        )
    splits = [_split_of(folder) for folder in _first_folders(names)]
    if len({*splits}) > 1 and None not in splits:
        return [f"{split}{BY_FOLDER}" for split in splits]
    if len({*splits} - {None}) > 1:
        other = next(name for name, split in zip(names, splits, strict=True) if split is None)
        note(
            f"{labels}: folders called as splits are passed over, as others stand beside them: {other!r:.80}"
        )
    return [""] * len(names)


def _first_folders(names: Sequence[str]) -> list[str]:
    """Return the first folder of each path, behind those that are the same in all of them."""
    folders = [name.replace("\\", "/").split("/")[:-1] for name in names]
    ends = (min(folders, default=[]), max(folders, default=[]))  # what is the same in both is so in all
    shared = len(list(takewhile(bool, (a == b for a, b in zip(*ends, strict=False)))))
    return [next(iter(parts[shared:]), "") for parts in folders]


def _split_of(word: object) -> str | None:
    return split_of(word.strip()) or only_split_in(word) if isinstance(word, str) else None


def files_in(folder: Path, suffix: str, ours: Callable[[Path], bool]) -> list[Path]:
    """Return the label files of a folder that are `ours`, by name; none if the first 20 are not (one an image)."""
    found: list[Path] = []
    for number, path in enumerate(files_ending(folder, suffix)):
        if number == TRIED and not found:
            break
        found += [path] if ours(path) else []
    return found


def find_exports(root: Path, suffix: str, ours: Callable[[Path], bool]) -> dict[str, Path]:
    """Return the files of a tool by the split in their names, else those of the folders of splits; a file is itself."""
    if root.is_file():
        return itself(root, suffix, ours)
    if files := files_in(root, suffix, ours):
        return files_by_split(root, files)
    folders = by_split(root, lambda folder: bool(files_in(folder, suffix, ours)))
    return {
        split: only_one(folder, split, files_in(folder, suffix, ours)) for split, folder in folders.items()
    }


def files_by_split(root: Path, paths: Sequence[Path]) -> dict[str, Path]:
    """Return label files by the split in their names, and the only other one as `all`, where none is for train."""
    splits = {path: split for path in paths if (split := only_split_in(path.stem))}
    found = {split: [path for path in paths if splits.get(path) == split] for split in SPLITS}
    whole = [path for path in paths if path not in splits]
    if len(whole) > 1 or (whole and found["train"]):
        raise DataError(
            "a folder must have one label file, or one for each split",
            f"{root} with {', '.join(path.name for path in paths)}",
            "point at one of them, name them after their splits, or join them with an option --train-labels for each",
        )
    return in_order(
        {split: only_one(root, split, some) for split, some in {**found, "all": whole}.items() if some}
    )
