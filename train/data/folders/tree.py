"""Folders as they are on the disk, in which files are found by names that may be written in another way."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from train.data.folders.path_forms import alike, composed, parts_of, spellings

MOST_FILES = 1_000_000


@dataclass
class Tree:
    """Folders as they are on the disk, each read once."""

    listings: dict[str, dict[str, str]] = field(default_factory=dict)
    indices: dict[Path, dict[str, list[Path]]] = field(default_factory=dict)
    folded: dict[str, dict[str, str]] = field(default_factory=dict)
    pairs: dict[Path, dict[tuple[str, str], list[Path]]] = field(default_factory=dict)

    def find(self, folder: Path, name: str, any_case: bool = False) -> Path | None:
        """Return the file of a name relative to `folder`, in either Unicode form, in one of the usual spellings.

        In `any_case`, also the only one that differs from it in upper and lower case alone.
        """
        for written in spellings(name):
            above, last = os.path.split(os.path.join(folder, written))
            if last and self._listing(above).get(last) == last:
                return Path(above, last)
            if (any_case or not written.isascii()) and (
                found := self._in_another_form(folder, written, any_case)
            ):
                return found
        return None

    def called(self, folder: Path, name: str) -> list[Path]:
        """Return the files anywhere below `folder` that have the last part of a name; none of a folder too large.

        Without one, those that differ from it in upper and lower case alone.
        """
        last = "".join(parts_of(name)[-1:])
        return _in_that_case(self._index(folder).get(alike(last), []), last)

    def called_in_its_folder(self, folder: Path, name: str) -> list[Path]:
        """Return what `called` does, of that in folders which are called as the one in a name, in any letter case."""
        if folder not in self.pairs:
            pairs: dict[tuple[str, str], list[Path]] = {}
            for path in self.files(folder):
                pairs.setdefault((alike(path.parent.name), alike(path.name)), []).append(path)
            self.pairs[folder] = pairs
        above, last = ["", "", *parts_of(name)][-2:]
        return _in_that_case(self.pairs[folder].get((alike(above), alike(last)), []), last)

    def files(self, folder: Path) -> Iterator[Path]:
        """Yield the files anywhere below `folder`; none of a folder too large."""
        return chain.from_iterable(self._index(folder).values())

    def _index(self, folder: Path) -> dict[str, list[Path]]:
        """Return the files anywhere below a folder, each under its name without upper case."""
        if folder not in self.indices:
            files = ((inner, file) for inner, _, names in os.walk(folder) for file in names)
            index: dict[str, list[Path]] = {}
            for number, (inner, file) in enumerate(files):
                index.setdefault(alike(file), []).append(Path(inner, file))
                if number > MOST_FILES:
                    index.clear()
                    break
            self.indices[folder] = index
        return self.indices[folder]

    def _in_another_form(self, folder: Path, name: str, any_case: bool) -> Path | None:
        place = "/" if name.startswith("/") else str(folder)
        for part in parts_of(name):
            actual = self._listing(place).get(composed(part)) if part != ".." else part
            actual = actual or (self._folded(place).get(alike(part)) if any_case else None)
            if actual is None:
                return None
            place = os.path.join(place, actual)
        return Path(place)

    def _folded(self, folder: str) -> dict[str, str]:
        """Return the names in a folder, each under itself without upper case, if no other is the same then."""
        if folder not in self.folded:
            names = sorted(set(self._listing(folder).values()))
            count = Counter(map(alike, names))
            self.folded[folder] = {plain: name for name in names if count[plain := alike(name)] == 1}
        return self.folded[folder]

    def _listing(self, folder: str) -> dict[str, str]:
        """Return the names in a folder, each under itself and under its composed form."""
        if folder not in self.listings:
            try:
                names = os.listdir(folder)
            except (OSError, ValueError):
                names = []
            self.listings[folder] = {composed(name): name for name in names} | {name: name for name in names}
        return self.listings[folder]


def _in_that_case(paths: list[Path], last: str) -> list[Path]:
    """Return the paths that are called so, without one those that differ from it in upper and lower case alone."""
    return [path for path in paths if composed(path.name) == composed(last)] or paths
