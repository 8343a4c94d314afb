"""The labels that a folder or a file holds: their format found, their samples read, split by split."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

from train.data.folders.beside import drop_those_of_images
from train.data.folders.left_aside import note_left_aside, tell_what_to_try
from train.data.folders.split_names import entries, in_order, only_split_in, split_of
from train.data.folders.told_splits import deal
from train.data.formats import FORMATS, LOOKED_INTO, names_of
from train.data.photos.lines import lines_of as lines_of_photos
from train.data.photos.lines import note_unlabelled
from train.data.pictures.kinds import READABLE_SUFFIXES
from train.data.sample import Sample
from train.data.texts.angles import require_texts
from train.data.texts.forms import normal_form
from train.data.texts.objects import note_forms, require_plain
from train.errors import DataError, UsageError
from train.system.paths import require_readable

WHAT = "a data folder or label file"
NO_OPTIONS: Mapping[str, str] = {}
SEVERAL = "one of them (or each, where there are the options --train-labels, --val-labels and --test-labels)"
RECOGNITION, PHOTOS, DIRECTIONS = ("recognition", "detection"), "detection", "orientation"


def load(
    source: Path,
    options: Mapping[str, str] = NO_OPTIONS,
    name: str | None = None,
    tasks: Sequence[str] = RECOGNITION,
    one_split: bool = False,
) -> tuple[str, dict[str, list[Sample]]]:
    """Read every label file of a folder (or one label file).

    Args:
        source: a data folder, or one label file, which is split `all`.
        options: what the format's reader takes.
        name: a registered format; None to detect it.
        tasks: whose formats may be meant; those of an earlier one are preferred. Where they are for lines and a
            format is of photos, their texts are cut out.
        one_split: whether what a file without a split holds is all of one split, which the caller knows.

    Returns:
        The format's name and its samples by split (`train`, `val`, `test`, or `all`).
    """
    name, files = (
        detect(source, options, tasks) if name is None else (name, _find(name, source, options, tasks))
    )
    reader = FORMATS.get(name)
    unknown = sorted(options.keys() - reader.options.keys())
    if unknown:
        raise UsageError(
            f"an option must be one that the {name} format takes",
            ", ".join(unknown),
            f"it takes: {', '.join(reader.options) or 'none'}",
        )
    given = deal(
        {split: list(map(_normal, reader.read(path, options))) for split, path in files.items()},
        one_split,
    )
    every = [sample for part in given.values() for sample in part]
    note_forms(source, [sample.text for sample in every], sum(sample.written is not None for sample in every))
    if reader.task == PHOTOS:
        note_unlabelled(source, given)
    if source.is_dir():
        note_left_aside(source, files.values(), every)
    if reader.task == RECOGNITION[0]:
        require_plain(source, [sample.text for sample in every], bool(options.get("text")))
    if tasks[0] == DIRECTIONS != reader.task:
        require_texts(source, (sample.text for sample in every))
    if reader.task == PHOTOS != tasks[0]:
        given = {split: lines_of_photos(photos) for split, photos in given.items()}
    return name, given


def _normal(sample: Sample) -> Sample:
    """Return a sample with its text in the normal form, for every command alike."""
    text = normal_form(sample.text)
    return sample if text == sample.text else replace(sample, text=text, written=sample.text)


def load_file(
    path: Path,
    options: Mapping[str, str] = NO_OPTIONS,
    name: str | None = None,
    tasks: Sequence[str] = RECOGNITION,
) -> list[Sample]:
    """Read the one label file (or folder without splits) that becomes one split; as `load`."""
    return only_split(path, load(path, options, name, tasks, one_split=True)[1])


def only_split(path: Path, splits: Mapping[str, list[Sample]]) -> list[Sample]:
    """Return the samples of the one split that `path` holds; raise UsageError if it holds several."""
    if len(splits) != 1:
        raise UsageError(
            "the labels of one split must be one file",
            f"{path} with {', '.join(splits)}",
            "name one of its files" if path.is_dir() else "divide it into a file for each split",
        )
    return next(iter(splits.values()))


def detect(
    root: Path, options: Mapping[str, str] = NO_OPTIONS, tasks: Sequence[str] = RECOGNITION
) -> tuple[str, dict[str, Path]]:
    """Return the one format that takes `options` and finds labels under `root`, and its files by split."""
    require_readable(root, WHAT)
    _require_known(options, tasks)
    for task, turn in (*product(tasks, (0, 1)), *product(tasks, (2,)), *product(tasks, (3,))):
        names = [name for name in names_of(task) if FORMATS.get(name).turn == turn]
        found = {name: FORMATS.get(name).find(root) for name in names if _takes(name, options)}
        found = {name: files for name, files in found.items() if files}
        if len(found) > 1:
            raise DataError(
                "a data folder must hold labels in one format",
                f"{root} with {', '.join(found)}",
                "choose with --format",
            )
        if found:
            return next(iter(found.items()))
    alone = _alone(root, options, [name for task in tasks for name in names_of(task)])
    folders = [folder for folder in _inner(root) if _finds(folder, options, tasks)]
    if alone and (
        FORMATS.get(alone[0]).turn or not folders
    ):  # a list of any name may be what a model has read
        return alone
    inner = [str(folder) for folder in folders if folder.parent not in folders]
    raise DataError(
        "a data folder must hold labels in a known format",
        f"{root} with options {', '.join(options)}" if options else root,
        f"labels lie in {', '.join(inner)}: name {SEVERAL if len(inner) > 1 else 'that'}"
        if inner
        else _tell_other_task(root, options, tasks) or tell_what_to_try(root),
    )


def _tell_other_task(root: Path, options: Mapping[str, str], tasks: Sequence[str]) -> str:
    """Return the remedy where a folder or file has labels, but those of another task."""
    others = dict.fromkeys(FORMATS.get(name).task for name in FORMATS.names())
    found = [task for task in others if task not in tasks and _finds(root, options, [task], broken=False)]
    told = f"its labels are for the task {' and '.join(found)}, which --task names where there is that option"
    return told if found else ""


def _alone(
    root: Path, options: Mapping[str, str], formats: Sequence[str]
) -> tuple[str, dict[str, Path]] | None:
    """Return the one file of a folder, or one for each split, that a format reads if it is named itself.

    Such as a list that is called `label_train.txt`, or a table whose columns have unusual names: its reader says, or is
    told by options, which they are.
    """
    there = (path for path in entries(root) if path.suffix.lower() not in READABLE_SUFFIXES)
    files = drop_those_of_images([path for path in there if path.is_file()], root)
    found = [
        (name, path)
        for name in formats
        if _takes(name, options)
        for path in FORMATS.get(name).find_alone(files)
    ]
    if len({name for name, _ in found}) > 1:  # beside a table, a list of any name is something else
        found = [(name, path) for name, path in found if FORMATS.get(name).turn]
    told = split_of if len(found) == 1 else only_split_in
    splits = {told(path.stem) or "all": path for _, path in found}
    several = len(splits) < len(found) or {"all", "train"} <= splits.keys()
    if several or len({name for name, _ in found}) != 1:
        return None
    return found[0][0], in_order(splits)


def _inner(root: Path) -> list[Path]:
    """Return some folders in a folder and in those."""
    folders = [path for path in entries(root) if path.is_dir()]
    below = [inner for path in folders[:LOOKED_INTO] for inner in entries(path) if inner.is_dir()]
    return [*folders[:LOOKED_INTO], *below[:LOOKED_INTO]]


def _finds(root: Path, options: Mapping[str, str], tasks: Sequence[str], broken: bool = True) -> bool:
    """Whether there are labels of some tasks; `broken` where they cannot be told, as of a table without a part."""
    names = (name for task in tasks for name in names_of(task) if _takes(name, options))
    try:
        return any(FORMATS.get(name).find(root) for name in names)
    except DataError:
        return broken


def _takes(name: str, options: Mapping[str, str]) -> bool:
    reader = FORMATS.get(name)
    return reader.explicit <= options.keys() <= reader.options.keys()


def _find(name: str, root: Path, options: Mapping[str, str], tasks: Sequence[str]) -> dict[str, Path]:
    require_readable(root, WHAT)
    if FORMATS.get(name).task not in tasks:
        names = [name for task in tasks for name in names_of(task)]
        raise UsageError(
            f"the format must be one for {' or '.join(tasks)}", name, f"choose from: {', '.join(names)}"
        )
    if files := FORMATS.get(name).find_named(root):
        return files
    if alone := _alone(root, options, [name]):
        return alone[1]
    raise DataError(f"a data folder must hold labels in the {name} format", root, tell_what_to_try(root))


def _require_known(options: Mapping[str, str], tasks: Sequence[str]) -> None:
    known = {key for task in tasks for name in names_of(task) for key in FORMATS.get(name).options}
    if unknown := sorted(options.keys() - known):
        raise UsageError(
            "an option must be one that a format takes",
            ", ".join(unknown),
            f"there are: {', '.join(sorted(known))}",
        )
