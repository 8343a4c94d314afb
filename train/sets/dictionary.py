"""One's own dictionary: the characters that a network is to write, whatever the labels hold."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from train.data.checks.rules import quote_some
from train.data.formats.named import Named
from train.data.texts.charset_file import read_characters
from train.errors import DataError, UsageError
from train.system.paths import given_path
from train.tasks import Task

FOUND = "dict.txt"
NONE = "none"


@dataclass(frozen=True)
class Dictionary:
    """A dictionary.

    Attributes:
        path: the file.
        characters: in its order.
        added: characters of the labels that it lacks, which the network writes, too.
    """

    path: Path
    characters: tuple[str, ...]
    added: tuple[str, ...]

    def __str__(self) -> str:
        more = f", and {len(self.added)} that the labels add: {quote_some(self.added)}" if self.added else ""
        return f"{len(self.characters)} characters of {self.path}{more}"


def read_dictionary(
    named_file: str | None, data: Named, task: type[Task], texts: Iterable[str]
) -> Dictionary | None:
    """Return the dictionary of a run, and say what it holds; None for none.

    Args:
        named_file: as the command line or a configuration names it; `none` for none, None for that beside the data.
        data: a folder, where PaddleX's `dict.txt` is found by itself, or the label file of each split.
        task: of the labels.
        texts: that the network is to learn.

    Raises:
        UsageError: for a task that has no use for one.
        DataError: for a file that is none.
    """
    if named_file == NONE:
        return None
    if named_file is not None and not task.spells:
        raise UsageError("a dictionary goes with a task that writes texts", named_file, "leave it out")
    path = given_path(named_file) if named_file else find_dictionary(data, task)
    if path is None:
        return None
    try:
        characters = read_characters(path)
    except DataError as error:
        if named_file is not None:
            raise
        print(f"{path} is no dictionary and is left aside: {error}", flush=True)
        return None
    lacking = tuple(sorted({character for text in texts for character in text}.difference(characters)))
    found = Dictionary(path, characters, lacking)
    how = "" if named_file else f", found with the data (--dictionary {NONE} leaves it aside)"
    print(f"dictionary: {found}{how}", flush=True)
    return found


def find_dictionary(data: Named, task: type[Task]) -> Path | None:
    """Return the `dict.txt` of a data folder, where the task writes texts; None if there is none."""
    if not isinstance(data, Path) or not task.spells:
        return None
    path = data / FOUND
    return path if path.is_file() else None
