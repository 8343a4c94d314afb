"""Files of a data folder that are not used: unlabelled images, other lists, pictures that cannot be read."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NoReturn

from train.data.folders.notes import note
from train.data.folders.split_names import entries, split_of
from train.data.pictures.kinds import READABLE_SUFFIXES
from train.data.sample import Sample

LISTS = frozenset({".csv", ".json", ".jsonl", ".parquet", ".tsv", ".txt", ".xml"})
SPREADSHEETS = frozenset({".ods", ".xls", ".xlsm", ".xlsx"})
ARCHIVES = frozenset({".7z", ".bz2", ".gz", ".rar", ".tar", ".tgz", ".xz", ".zip"})
UNREADABLE = frozenset({".jp2", ".jxl", ".pbm", ".pdf", ".pgm", ".ppm", ".psd", ".svg", ".tga"})
"""Suffixes of pictures that the decoder does not read."""
OTHER_WAYS = (
    ("tfrecord", "TensorFlow's records ({}) are not read: write a table of their images and texts"),
    (".mat", "MATLAB's files ({}) are not read: write a table, or PaddleOCR's list of regions"),
    (
        ".h5 .hdf5 .npy .npz .pkl .pickle .gnt",
        "{} is not read: write its images as files, and a table of their texts",
    ),
    (".db .sqlite .sqlite3 .accdb", "databases ({}) are not read: save a table of images and texts as CSV"),
    (".feather .orc .dta .sas7bdat", "save {} as Parquet or CSV"),
    (".manifest .jsonlines", "if {} has a JSON object a line, name it .jsonl"),
    (".list .lst .tab .log .dat", "if {} is a list or a table, name it .txt, .tsv or .csv"),
    (".yaml .yml", "if labels stand in {}, save them as JSON or CSV"),
    (
        ".box",
        "Tesseract's boxes ({}) are not read: write a line's text as NAME.gt.txt, a page as ALTO or PAGE XML",
    ),
    (".hocr .html .htm", "hOCR ({}) is not read: let the tool write ALTO or PAGE XML"),
)
"""What labels may stand in that nothing reads: suffixes, or the one that is somewhere in a name; and what to do."""
NO_LABELS = frozenset(
    {
        *("filestate.txt", "id2char.json", "dict.txt"),
        *("dataset_stats.json", "custom_dict.txt", "manifest.json"),  # of our own convert and drawn lines
    }
)
KALDI = "text"
"""What Kaldi calls its list, which has no suffix."""
NAMES_ALONE = "where the names of images hold the texts, add --format filename (docs/data.md)"
OF_WINDOWS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini"})
"""What Windows puts into a folder of images by itself."""
LOOKED_INTO = 1000
NAMED = 3


def note_left_aside(root: Path, read: Iterable[Path], samples: Iterable[Sample]) -> None:
    """Say in one line what a data folder holds besides the label files that were read and what their samples name."""
    used = {os.path.abspath(path) for path in read}
    for sample in samples:
        used |= {os.path.normpath(sample.path), os.path.abspath(sample.source.rpartition(":")[0])}
    images: Counter[str] = Counter()
    pictures: Counter[str] = Counter()
    lists: list[str] = []
    for folder, name in _files(root):
        path, suffix = os.path.join(folder, name), os.path.splitext(name)[1].lower()
        if path in used:
            continue
        images[os.path.relpath(folder, os.path.dirname(os.path.abspath(root)))] += suffix in READABLE_SUFFIXES
        pictures[suffix] += suffix in UNREADABLE
        lists += [path] if _is_list(name) and name.lower() not in NO_LABELS else []
    held = [os.path.relpath(path, root) for path in lists if _holds_labels(path)]
    told = list(_told(images, pictures, held))
    if told:
        note(f"left aside in {root}: {'; '.join(told)}")


def tell_what_to_try(root: Path) -> str:
    """Return the remedy for a folder, or a file, in which no labels were found, by what lies there."""
    files = [path for path in entries(root) if path.is_file()]
    there = files or [root] * root.is_file()
    if not files and root.is_file() and (remedy := _tell_of_file(root)):
        return remedy
    labels = [path for path in there if _is_list(path.name) and _holds_labels(str(path))]
    if fault := next(filter(None, map(_fault, labels)), ""):
        return fault
    if len(labels) == 1 and labels[0] in files and labels[0].suffix.lower() == ".json":
        return f"{labels[0].name}: {_tell_of_file(labels[0])}"
    lists = _some([path.name for path in labels if path in files])
    found = [Path(folder, name) for folder, name in islice(_files(root), LOOKED_INTO)]
    below = [] if lists else found or there
    sheets, packed = (
        _some([path.name for path in below or there if path.suffix.lower() in suffixes])
        for suffixes in (SPREADSHEETS, ARCHIVES)
    )
    told = [f"see docs/data.md; if labels stand in {lists}, name that file"] if lists else []
    told += [f"save {sheets} as CSV"] if sheets else []
    told += [f"unpack {packed}"] if packed else []
    told += _other_ways(below)
    has_images = any(path.suffix.lower() in READABLE_SUFFIXES for path in below)
    if told:
        return "; or ".join(
            [*told, *([NAMES_ALONE] if has_images and not (lists or sheets or packed) else [])]
        )
    if unknown := [path for path in below if _is_list(path.name)]:
        return f"see docs/data.md; {next(filter(None, map(_fault, unknown[:NAMED])), '') or _tell_of_lists(unknown)}"
    return f"there are images alone; {NAMES_ALONE}" if has_images else "see docs/data.md"


def _tell_of_lists(files: Sequence[Path]) -> str:
    """Return what to do with files of labels that lie in other folders: with those that are lists, name them."""
    lists = [path for path in files if path.suffix.lower() == ".txt" and _holds_labels(str(path))]
    shown = _some([f"{path.parent.name}/{path.name}" for path in lists or files])
    if lists:
        return (
            f"if labels stand in {shown}, name one of them, or each where there is an option --train-labels"
        )
    return f"{shown} are of no known form"


def _other_ways(files: Sequence[Path]) -> list[str]:
    """Return what to do with files that hold labels in a way that nothing reads."""
    found = [
        (remedy, [path.name for path in files if _is_called(path.name.lower(), suffixes)])
        for suffixes, remedy in OTHER_WAYS
    ]
    return [remedy.format(_some(names)) for remedy, names in found if names]


def _is_called(name: str, suffixes: str) -> bool:
    if name in OF_WINDOWS:
        return False
    return name.endswith(tuple(suffixes.split())) or ("." not in suffixes and f".{suffixes}" in name)


def _tell_of_file(path: Path) -> str:
    """Return the remedy for a file that is named itself, where its kind or what it holds tells one."""
    suffix = path.suffix.lower()
    if suffix in READABLE_SUFFIXES:
        return "that is an image: name its folder, or a list of labels"
    if suffix in UNREADABLE:
        return f"pictures of this kind ({suffix}) cannot be read: save it as PNG, and name a list of labels"
    if suffix == ".json" and not _fault(path):
        held = json.loads(path.read_bytes().decode("utf-8-sig"))
        if "annotation_id" in _first_keys(held):
            return "that is Label Studio's JSON-MIN: export it as JSON (docs/other-tools.md)"
        shown = _some(list(map(str, held))) if isinstance(held, dict) else f"a list of {_kind_of(held)}"
        return (
            f"it holds {shown}, which is no form of docs/other-tools.md: write a table with a row an image, such as "
            '[{"image": "a.png", "text": "..."}]'
        )
    if suffix in {*LISTS, *SPREADSHEETS, *ARCHIVES} or _other_ways([path]):
        return ""
    return "name it .txt, .csv or .jsonl, by what it holds; see docs/data.md"


def _kind_of(held: object) -> str:
    keys = _first_keys(held)
    return f"objects with {_some(keys)}" if keys else "no objects"


def _first_keys(held: object) -> list[str]:
    """Return the keys of the first object of a list."""
    first = held[0] if isinstance(held, list) and held else None
    return list(map(str, first)) if isinstance(first, dict) else []


def _is_list(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in LISTS or name == KALDI


def _fault(path: Path) -> str:
    """Return why nothing can be told of a file that may hold labels; nothing where its text, or JSON, is in order."""
    if path.suffix.lower() == ".parquet":
        return ""
    text = ""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if "\0" in text[:LOOKED_INTO]:
            return f"save {path.name} as UTF-8"
        if path.suffix.lower() == ".json":
            json.loads(text, parse_constant=_refuse)
    except UnicodeDecodeError:
        return f"save {path.name} as UTF-8"
    except (OSError, ValueError, RecursionError) as error:
        is_list = path.suffix.lower() == ".json" and "\t[" in text.partition("\n")[0]
        return (
            f"name {path.name} .txt: it is a list with tabs"
            if is_list
            else f"mend {path.name}: {str(getattr(error, 'strerror', None) or error)[:80]}"
        )
    return ""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON; null is")


def _files(root: Path) -> Iterator[tuple[str, str]]:
    """Yield folder and name of every file below a folder that is not hidden; links to nothing and pipes are none."""
    for folder, inner, names in os.walk(os.path.abspath(root)):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (
            (folder, name)
            for name in sorted(names)
            if not name.startswith(".") and os.path.isfile(os.path.join(folder, name))
        )


def _holds_labels(path: str) -> bool:
    """Whether a file may hold labels: a text without a tab or a split's name is for people, or a dictionary."""
    stem, suffix = os.path.splitext(os.path.basename(path))
    if suffix.lower() != ".txt" or any(map(split_of, re.split("[-_. ]", stem))):
        return True
    try:
        with open(path, "rb") as file:
            return b"\t" in file.read(LOOKED_INTO)
    except OSError:  # nobody named it
        return True


def _told(images: Counter[str], pictures: Counter[str], lists: Sequence[str]) -> Iterator[str]:
    if lists:
        yield _some(lists)
    if count := images.total():
        places = [f"{number} in {folder}" for folder, number in images.most_common() if number]
        yield f"{count} images that no label read names ({_some(places)})"
    if count := pictures.total():
        kinds = ", ".join(suffix for suffix, number in sorted(pictures.items()) if number)
        yield f"{count} pictures of kinds that cannot be read ({kinds})"


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + more
