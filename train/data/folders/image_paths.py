"""Where the images of a list lie, which may have been written in another folder, or on another machine.

A name is a path relative to the list's folder, or to `--root`. Where none of a list's names is, the two folders above
are tried: PaddleOCR's paths begin at its `data_dir`. In another letter case the list's own folder goes before them. A
path of another machine is taken by its end. What could be two images is refused, and what is not found keeps the path
that it names, so that the check says it is missing.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product, takewhile
from pathlib import Path

from train.data.folders.notes import note
from train.data.folders.path_forms import alike, composed, ends_of, is_foreign, parts_of
from train.data.folders.split_names import entries, split_in, split_of
from train.data.folders.tree import Tree
from train.data.pictures.kinds import READABLE_SUFFIXES
from train.data.sample import Sample
from train.data.texts.forms import in_unicode
from train.errors import DataError, UsageError

ABOVE = 2
ANY_SUFFIX = ".*"
"""How the path of a missing image ends of which no label tells the suffix."""
RENAMED = re.compile(r"(.+)_(\w+)\.rf\.\w+")
"""What Roboflow calls a file: `a_jpg.rf.0f3e....jpg` was `a.jpg`."""
ARCHIVED = ("gbk", "cp932", "cp949", "big5", "cp1251", "cp866", "cp1252", "utf-8")
READ_AS = (("utf-8", "surrogateescape"), ("cp437", "strict"), ("latin-1", "strict"))
"""Encodings in which archives have names, and as which they are unpacked: as they are, or as if they were others."""
HINTED = 100
"""So many missing images are looked for with another suffix."""


def locate(
    labels: Path, names: Sequence[str], root: str = "", base: Path | None = None, least: int = 2
) -> dict[str, Path]:
    """Return the absolute path of the image that each name of a list is of.

    Args:
        labels: the list.
        names: as written in it.
        root: the folder that they are relative to (`--root`); empty for `base`.
        base: the folder that names of this format are relative to; None for the list's own.
        least: how many last parts of a relative name must be there where its beginning is not.

    Raises:
        DataError: a name may be of two images, or two names come to one image by their ends.
    """
    if root and not Path(root).is_dir():
        raise UsageError("--root must be a folder of images", root, "check the path")
    folder = Path(root).absolute() if root else labels.absolute().parent
    start = folder if root or base is None else base
    tree, wanted = Tree(), list(dict.fromkeys(names))
    found = {name: path for name in wanted if (path := tree.find(start, name))}
    if not found and not root:
        found = _above(tree, labels, wanted)
    if not found and not root and not any(tree.find(start, name, any_case=True) for name in wanted):
        found = _above(tree, labels, wanted, any_case=True) or _of_split(tree, labels, wanted)
    loose = not found or base is not None
    missing = [name for name in wanted if name not in found and (loose or is_foreign(name))]
    least = 1 if root else least
    found |= _by_their_ends(tree, labels, folder, {name: ends_of(name, least) for name in missing})
    found |= _in_another_case(tree, labels, start, [name for name in wanted if name not in found], found)
    _hint(tree, labels, folder, [name for name in wanted if name not in found])
    note_addresses(labels, [name for name in wanted if name not in found])
    return {
        name: found.get(name) or (start / name if base is None else folder / parts_of(name)[-1])
        for name in wanted
    }


def note_addresses(labels: Path, missing: Sequence[str]) -> None:
    """Say how many images that are not there are named by addresses, from which nothing is fetched."""
    if named := [name for name in missing if "://" in name]:
        note(
            f"{labels}: images that are named by addresses and lie nowhere here: {len(named)}, the first: "
            f"{named[0]:.80}; nothing is fetched: download them, and name their folder with --root DIR"
        )


def holds_in_any_case(folder: Path, names: Iterable[str]) -> bool:
    """Whether a folder has one of some names, but for upper and lower case."""
    tree = Tree()
    return any(tree.find(folder, name, any_case=True) for name in names if name)


def describe_search(sample: Sample) -> str:
    """Return the path of a sample whose image is missing, and where else was looked for it."""
    labels = Path(sample.source.rpartition(":")[0])
    if sample.path.suffix == ANY_SUFFIX or labels.with_suffix("") == sample.path.with_suffix(""):
        return str(sample.path)
    if sample.path.is_relative_to(labels.absolute().parent):
        return f"{sample.path}; not in the two folders above its list either, nor by the end of its path below it"
    return f"{sample.path}; not by the end of its path below the list's folder or --root either"


def _above(tree: Tree, labels: Path, names: Sequence[str], any_case: bool = False) -> dict[str, Path]:
    """Return what names with a folder in them find in one of the folders above the list's."""
    found: dict[str, Path] = {}
    pairs = ((above, name) for above in list(labels.absolute().parent.parents)[:ABOVE] for name in names)
    for above, name in pairs:
        if len(parts_of(name)) < 2 or is_foreign(name) or not (path := tree.find(above, name, any_case)):
            continue
        if name in found:
            raise DataError(
                "a path must lead to one image",
                f"{labels}: {name} is {found[name]} and {path}",
                "name the folder that it is relative to with --root DIR",
            )
        found[name] = path
    count = Counter(found.values())
    found = {name: path for name, path in found.items() if not any_case or count[path] == 1}
    if found:
        base = os.path.commonpath([path.parent for path in found.values()])
        note(f"{labels}: its paths begin in a folder above it, the images lie in {base}")
    return found


def _of_split(tree: Tree, labels: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return what names find in the one folder beside a list that is called as its split: `train.txt` and `train`."""
    split = split_in(labels.stem)
    places = [
        place
        for place in entries(labels.absolute().parent)
        if split_of(place.name) == split and place.is_dir()
    ]
    found = (
        {name: path for name in names if (path := tree.find(places[0], name))}
        if split and len(places) == 1
        else {}
    )
    if found:
        note(f"{labels}: its images were found in {places[0]}: {len(found)}")
    return found


def _by_their_ends(
    tree: Tree, labels: Path, folder: Path, ends: Mapping[str, Sequence[str]]
) -> dict[str, Path]:
    """Return what the longest end of each name finds in `folder`, or else, of an absolute path, anywhere below it."""
    found: dict[str, Path] = {}
    named: dict[Path, str] = {}
    for name, parts in ends.items():
        tried = ((end, any_case) for any_case in (False, True) for end in parts)
        path = next((path for end, any_case in tried if (path := tree.find(folder, end, any_case))), None)
        if path is None and is_foreign(name):
            path = _deeper(labels, name, tree.called_in_its_folder(folder, name))
        if path is None:
            continue
        if path in named:
            raise DataError(
                "each path of another place must lead to an image of its own",
                f"{labels}: {named[path]} and {name}, both {path}",
                "put the images into folders as these paths have them",
            )
        found[name], named[path] = path, name
    if found:
        note(f"{labels}: paths of another place, whose images were found below {folder}: {len(found)}")
    return found


def _in_another_case(
    tree: Tree, labels: Path, start: Path, names: Sequence[str], taken: Mapping[str, Path]
) -> dict[str, Path]:
    """Return what names find that were written on a system where `A.PNG` is `a.png`; none that another name is of."""
    pairs = [(name, path) for name in names if (path := tree.find(start, name, any_case=True))]
    count = Counter([*taken.values(), *(path for _, path in pairs)])
    found = {name: path for name, path in pairs if count[path] == 1}
    if found:
        note(f"{labels}: paths that differ from their images' in upper and lower case: {len(found)}")
    return found


def _deeper(labels: Path, name: str, paths: Sequence[Path]) -> Path | None:
    """Return the one of some files that shares the longest end with a name, which is more than the last part."""
    parts = [alike(part) for part in reversed(parts_of(name))]
    shared = {path: _equal_parts(parts, [alike(part) for part in reversed(path.parts)]) for path in paths}
    longest = max(shared.values(), default=0)
    best = [path for path, length in shared.items() if length == longest]
    if len(best) > 1:
        raise DataError(
            "a path must lead to one image",
            f"{labels}: {name} may be {best[0]} or {best[1]}",
            "name the folder that it is relative to with --root DIR",
        )
    return next(iter(best), None)


def _equal_parts(one: Sequence[str], other: Sequence[str]) -> int:
    equal = (a == b for a, b in zip(one, other, strict=False))
    return len(list(takewhile(bool, equal)))


def _hint(tree: Tree, labels: Path, folder: Path, missing: Sequence[str]) -> None:
    """Say where files with the names of missing images lie, though no folder tells that they are the same."""
    names = {parts_of(name)[-1]: name for name in missing if parts_of(name)}  # many may end alike
    places = sorted({path.parent for name in names.values() for path in tree.called(folder, name)})
    if places:
        shown = " and ".join(map(str, places[:2])) + " and more" * (len(places) > 2)
        remedy = f"add --root {places[0]}" if len(places) == 1 else "write their folders into the list"
        note(
            f"{labels}: images that are missing: {len(missing)}; files of such names lie in {shown}: if these are "
            f"they, {remedy}"
        )
    if missing and (other := _renamed_by_roboflow(tree, folder, missing)):
        note(
            f"{labels}: Roboflow renamed the images, such as {other.name}, and may have changed them: take the labels "
            "of the same export"
        )
    if missing and (other := _with_zeros(tree, folder, missing)):
        note(
            f"{labels}: files are there whose names begin with zeros that the labels lack, such as {other.name}; a "
            "spreadsheet takes them away: save the column as text"
        )
    unpacked = (_in_another_encoding(tree, folder, name) for name in missing[:HINTED])
    if found := next(filter(None, unpacked), None):
        encoding, other = found
        note(
            f"{labels}: files are there whose names an archive of Windows has in {encoding}, such as "
            f"{in_unicode(other.name)}: unpack it again in that encoding (unzip -O {encoding}), or rename them"
        )
    others = (_with_another_suffix(tree, folder, name) for name in missing[:HINTED])
    if other := next(filter(None, others), None):
        note(
            f"{labels}: images are there with another suffix, such as {other.name}; if that is it, correct the list"
        )


def _renamed_by_roboflow(tree: Tree, folder: Path, names: Sequence[str]) -> Path | None:
    wanted = {alike("".join(parts_of(name)[-1:])) for name in names}
    return next(
        (
            path
            for path in tree.files(folder)
            if (match := RENAMED.fullmatch(path.stem)) and f"{match[1]}.{match[2]}".casefold() in wanted
        ),
        None,
    )


def _with_zeros(tree: Tree, folder: Path, names: Sequence[str]) -> Path | None:
    """Return an image that is called as one of some numbers, but for zeros before it."""
    stems = (os.path.splitext("".join(parts_of(name)[-1:]))[0] for name in names)
    numbers = {stem for stem in stems if stem.isdecimal()}
    files = tree.files(folder) if numbers else ()
    images = (path for path in files if path.suffix.lower() in READABLE_SUFFIXES)
    return next((path for path in images if path.stem[:1] == "0" and path.stem.lstrip("0") in numbers), None)


def _in_another_encoding(tree: Tree, folder: Path, name: str) -> tuple[str, Path] | None:
    """Return the encoding in which an archive had a name, and the file that has it as another program read that."""
    for encoding, (read_as, errors) in product(ARCHIVED, READ_AS) if not name.isascii() else ():
        try:
            written = composed(name.replace("\\", "/")).encode(encoding).decode(read_as, errors)
        except UnicodeError:
            continue
        if written != name and (path := tree.find(folder, written)):
            return encoding, path
    return None


def _with_another_suffix(tree: Tree, folder: Path, name: str) -> Path | None:
    """Return the image that was saved in another form than the list says."""
    stem, suffix = os.path.splitext(name)
    forms = (stem + form for form in sorted(READABLE_SUFFIXES) if suffix.lower() in READABLE_SUFFIXES)
    return next((path for form in forms if (path := tree.find(folder, form, any_case=True))), None)
