"""The labels that a person names: a folder, one file, or the files of each split."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from train.data.formats import NO_OPTIONS, RECOGNITION, load, only_split
from train.data.sample import Sample
from train.errors import UsageError

Named = Path | Mapping[str, Sequence[Path]]


def load_named(
    named: Named,
    options: Mapping[str, str] = NO_OPTIONS,
    name: str | None = None,
    tasks: Sequence[str] = RECOGNITION,
) -> tuple[str, dict[str, list[Sample]]]:
    """Return the format's name, or those of several, and the samples by split; as `formats.load`."""
    if isinstance(named, Path):
        return load(named, options, name, tasks)
    found = {split: load_files(paths, options, name, tasks) for split, paths in named.items()}
    names = dict.fromkeys(each for names, _ in found.values() for each in names)
    return ", ".join(names), {split: samples for split, (_, samples) in found.items()}


def load_files(
    paths: Sequence[Path],
    options: Mapping[str, str] = NO_OPTIONS,
    name: str | None = None,
    tasks: Sequence[str] = RECOGNITION,
) -> tuple[list[str], list[Sample]]:
    """Return the formats of the label files of one split, and their samples, one behind the other.

    Raises:
        UsageError: for a file, or folder, that holds several splits, or is named twice.
    """
    twice = [path for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if twice:
        raise UsageError("a label file must be named once", twice[0], "its samples would count twice")
    names: list[str] = []
    samples: list[Sample] = []
    for path in paths:
        found, splits = load(path, options, name, tasks)
        samples += only_split(path, splits)
        names.append(found)
    return names, samples
