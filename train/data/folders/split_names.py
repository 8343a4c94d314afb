"""What tools call the training, validation and test split, in the names of folders and lists: the one place for it."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from train.errors import DataError
from train.system.paths import require_readable

SPLITS = ("train", "val", "test")
NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validate", "validation", "dev", "eval", "evaluation"),
    "test": ("test", "testing"),
}
_SPLIT_OF = {name: split for split, names in NAMES.items() for name in names}


def split_of(name: str) -> str | None:
    """Return the split that a folder's name, or the part of a list's that stands for one, is of, in any case."""
    return _SPLIT_OF.get(name.lower())


def split_in(name: str) -> str | None:
    """Return the split that a word of a longer name tells, such as `instances_train2017`."""
    return next((split for word in re.findall("[a-z]+", name.lower()) if (split := split_of(word))), None)


def only_split_in(name: str) -> str | None:
    """Return the split that a longer name tells; None where it tells two, as `labels_train_val` does."""
    splits = {split for word in re.findall("[a-z]+", name.lower()) if (split := split_of(word))}
    return splits.pop() if len(splits) == 1 else None


def split_within(name: str) -> str | None:
    """Return the split that is told somewhere in a longer name, such as `ch4_training_images`."""
    return split_in(name) or next((split for split in SPLITS if split in name.lower()), None)


def folders_by_split(root: Path, ours: Callable[[Path], bool]) -> dict[str, Path]:
    """Return the folders in `root` that have a split's name and are `ours`.

    Raises DataError for two of one split, and for one that this user may not look into: it would be made anew.
    """
    named = ((split, path) for path in entries(root) if (split := split_of(path.name)) and path.is_dir())
    folders = list(named)
    for _, path in folders:
        require_readable(path, "the folder of a split")
    return _one_each(root, ((split, path) for split, path in folders if ours(path)))


def lists_by_split(
    root: Path, templates: Sequence[str], ours: Callable[[Path], bool] = lambda path: True
) -> dict[str, Path]:
    """Return the files in `root` that are named as a template with a split's name for `{}`, and are `ours`.

    Raises DataError for two of one split.
    """
    forms = [re.compile(re.escape(form).replace(r"\{\}", "([a-z]+)"), re.IGNORECASE) for form in templates]
    found = []
    for path in entries(root):
        matches = (form.fullmatch(path.name) for form in forms)
        splits = {split for match in matches if match and (split := split_of(match[1]))}
        found += [(split, path) for split in splits if path.is_file() and ours(path)]
    return _one_each(root, found)


def lists_or_whole(
    root: Path, templates: Sequence[str], whole: str, ours: Callable[[Path], bool] = lambda path: True
) -> dict[str, Path]:
    """Return `lists_by_split`, with the list `whole` as `all` where train has none; without any, each folder's."""

    def is_list(path: Path) -> bool:
        return path.is_file() and ours(path)

    def held(folder: Path) -> list[tuple[str | None, Path]]:
        return _lists_in(folder, templates, whole, is_list)

    lists = lists_by_split(root, templates, ours)
    if "train" not in lists and is_list(root / whole):
        return in_order({"all": root / whole, **lists})
    folders = {} if lists else folders_by_split(root, lambda folder: bool(held(folder)))
    found = {split: held(folder) for split, folder in folders.items()}
    if any([told for told, _ in some] != [split] for split, some in found.items()):
        return {}
    return lists or {split: path for split, [(_, path)] in found.items()}


def _lists_in(
    folder: Path, templates: Sequence[str], whole: str, is_list: Callable[[Path], bool]
) -> list[tuple[str | None, Path]]:
    """Return the list `whole` of a folder that is called as a split; else those that are called as splits, too."""
    own = split_of(folder.name)
    if is_list(folder / whole):
        return [(own, folder / whole)]
    words = {**_SPLIT_OF, folder.name: own}
    paths = [(split, folder / form.format(word)) for form in templates for word, split in words.items()]
    found = {(split, _entry(path)): path for split, path in paths if is_list(path)}
    return [(split, path) for (split, _), path in found.items()]


def _entry(path: Path) -> tuple[int, int]:
    """Return what a file is on its disk, which may call it `Train.txt` as well as `train.txt`."""
    there = path.stat()
    return there.st_dev, there.st_ino


def entries(root: Path) -> list[Path]:
    """Return the entries of a folder, by name, without hidden ones; none of what is no folder."""
    try:
        names = sorted(
            name for name in os.listdir(root) if not name.startswith(".")
        )  # paths take longer to sort
    except OSError:
        return []
    return [root / name for name in names]


def _one_each(root: Path, found: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    groups: dict[str, list[Path]] = {}
    for split, path in found:
        groups.setdefault(split, []).append(path)
    return {split: only_one(root, split, groups[split]) for split in SPLITS if split in groups}


def only_one(root: Path, split: str, paths: Sequence[Path]) -> Path:
    """Return the one list or folder of a split; raise DataError if there are several."""
    if len(paths) > 1:
        raise DataError(
            f"the {split} split must have one {'folder' if paths[0].is_dir() else 'list'}",
            f"{root} with {' and '.join(path.name for path in paths)}",
            "move all but one of them elsewhere"
            + ("" if paths[0].is_dir() else f", or name each where there is an option --{split}-labels"),
        )
    return paths[0]


def in_order(found: Mapping[str, Path]) -> dict[str, Path]:
    """Return the splits in their usual order, train first."""
    return {split: found[split] for split in ("all", *SPLITS) if split in found}
