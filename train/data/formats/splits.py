"""Which files of a folder are labels, and which split they, or the images in them, are of."""

from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path

from train.data.folders.beside import files_ending
from train.data.folders.notes import note
from train.data.folders.split_names import in_order, only_one, only_split_in, split_of
from train.data.formats import SPLITS, by_split, itself
from train.data.sample import BY_FOLDER, UNTOLD
from train.errors import DataError

TRIED = 20
"""So many label files are tried before a folder is taken for another format's."""
UNSET = "default"
"""What CVAT calls the photos that no split was chosen for."""


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
            "name one of them, or each where there is an option --train-labels, or rename them after their splits",
        )
    return in_order(
        {split: only_one(root, split, some) for split, some in {**found, "all": whole}.items() if some}
    )
