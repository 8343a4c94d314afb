"""The labels that a person names: a folder, one file, or the files of each split."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

from train.data.formats.loading import NO_OPTIONS, RECOGNITION, load, load_file, only_split
from train.data.sample import Sample
from train.errors import OcrError, UsageError

Named = Path | Mapping[str, Sequence[Path]]
OPTIONS = re.compile(r"--(format|option|root)\b")
"""Of the commands, how labels are written."""


def load_named(
    named: Named,
    options: Mapping[str, str] = NO_OPTIONS,
    name: str | None = None,
    tasks: Sequence[str] = RECOGNITION,
) -> tuple[str, dict[str, list[Sample]]]:
    """Return the format's name, or those of several, and the samples by split; as `loading.load`."""
    if isinstance(named, Path):
        return load(named, options, name, tasks)
    found = {split: load_files(paths, options, name, tasks) for split, paths in named.items()}
    names = dict.fromkeys(each for names, _ in found.values() for each in names)
    return ", ".join(names), {split: samples for split, (_, samples) in found.items()}


def load_alone(path: Path, tasks: Sequence[str] = RECOGNITION) -> list[Sample]:
    """Return what `load_file` does, for an option without others that say how its labels are written."""
    try:
        return load_file(path, tasks=tasks)
    except OcrError as error:
        if OPTIONS.search(error.remedy):
            error.remedy = "convert it first: python -m train.data.convert, which takes --format and --option"
        raise


def load_files(
    paths: Sequence[Path],
    options: Mapping[str, str] = NO_OPTIONS,
    name: str | None = None,
    tasks: Sequence[str] = RECOGNITION,
) -> tuple[list[str], list[Sample]]:
    """Return the formats of the label files of one split, and their samples, one behind the other.

    Raises:
        UsageError: for a file, or folder, that holds several splits, or labels that another one holds, too: a file that
            is named twice, a folder and a file in it, two parts of one table.
    """
    names: list[str] = []
    samples: list[Sample] = []
    held: dict[tuple[str, str], int] = {}
    for number, path in enumerate(paths):
        found, splits = load(path, options, name, tasks, one_split=True)
        part = only_split(path, splits)
        if len(paths) > 1:
            _require_new(part, number, paths, held)
        samples += part
        names.append(found)
    return names, samples


def _require_new(
    samples: Sequence[Sample], number: int, paths: Sequence[Path], held: dict[tuple[str, str], int]
) -> None:
    """Add the sources of a path's samples; raise UsageError if an earlier path holds one of them."""
    real = cache(os.path.realpath)
    for sample in samples:
        file, _, line = sample.source.rpartition(":")
        other = held.setdefault((real(file), line), number)
        if other != number:
            raise UsageError(
                "a label must be named once",
                f"{sample.source} in {paths[other]} and in {paths[number]}",
                "leave one of them out: its samples would count twice",
            )


def require_apart(outputs: Mapping[str, Path | None], samples: Iterable[Sample]) -> None:
    """Raise UsageError for outputs, by their options, that are one file, a label file or an image: it would be gone."""
    given = (path for path in outputs.values() if path)  # both may be /dev/null
    named = [os.path.abspath(path) for path in given if path.is_file() or not path.exists()]
    if len({*named}) < len(named):
        raise UsageError(f"{' and '.join(outputs)} must be two files", named[0], "name another one")
    files = ((_identity(path), option) for option, path in outputs.items() if path)
    there = {file: option for file, option in files if file}
    if not there:
        return
    for path in {part for one in samples for part in (one.source.rpartition(":")[0], str(one.path))}:
        if (file := _identity(path)) and (option := there.get(file)):
            raise UsageError(f"{option} must not replace what is read", path, "name another file")


def _identity(path: Path | str) -> tuple[int, int] | None:
    """Return what a file is on the disk, whatever leads to it; None where there is none."""
    try:
        held = os.stat(path)
    except (OSError, ValueError):
        return None
    return held.st_dev, held.st_ino
