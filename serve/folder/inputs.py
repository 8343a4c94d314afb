"""From what is named on the command line to the files that are read: in order, each once, and what is left aside."""

import glob
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyarrow import fs

from serve.folder.places import OPTION, File, locate_uri
from train.data.folders.image_paths import locate
from train.data.pictures.kinds import READABLE_SUFFIXES
from train.errors import UsageError
from train.system.filesystems import make_unreachable_error, open_filesystem
from train.system.paths import given_path, read_utf8

PDF, MARK = ".pdf", "\ufeff"
SUFFIXES = READABLE_SUFFIXES | {PDF}
LISTS = frozenset({".txt", ".lst", ".list"})
Identity = tuple[object, ...]


@dataclass
class InputFiles:
    """What there is to read.

    Attributes:
        files: in the order of the command line, of a list, and by name within a folder.
        refused: folders that cannot be looked into, and why.
        aside: how many files of other kinds lie in the folders, by suffix.
    """

    files: list[File] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)


def find_files(named: Sequence[str], pages: bool) -> InputFiles:
    """Return the files that the command line names.

    A list is taken line by line; a file that folders, patterns and arguments lead to more than once is read once.

    Args:
        named: files, folders, patterns, lists and URIs.
        pages: files may have several pages.

    Raises:
        UsageError: one of them is not there, or is a PDF although every file is a line.
    """
    search = _Search()
    for text in named:
        if text.lower().endswith(PDF) and not pages:
            raise UsageError("a PDF is read with a detector", text, "add --detection BUNDLE")
        search.add(text)
    return search.found


class _Search:
    """What was found so far, and where one has been."""

    def __init__(self) -> None:
        self.found = InputFiles()
        self._seen: set[Identity] = set()
        self._folders: dict[str, Identity] = {}

    def add(self, text: str) -> None:
        """Take what one argument names."""
        if "://" in text:
            self._add_uri(text)
            return
        path = str(given_path(text))
        if os.path.lexists(path):
            self._add_path(path)
        elif glob.has_magic(path) and (matches := _expand(path)):
            for match in matches:
                self._add_path(match)
        else:
            raise UsageError(
                f"{OPTION} must be files, folders, patterns, lists or URIs that are there",
                text,
                "name what is there; a pattern goes in quotes",
            )

    def _add_path(self, path: str) -> None:
        if os.path.isdir(path):
            self._add_folder(path)
        elif os.path.splitext(path)[1].lower() in LISTS:
            self.found.files += _read_list(Path(path))
        else:
            self._add_file(path)

    def _add_file(self, path: str) -> None:
        identity = self._identify(path)
        if identity not in self._seen:
            self._seen.add(identity)
            self.found.files.append(File(path, os.path.abspath(path)))

    def _identify(self, path: str) -> Identity:
        """Return what two names of one file share: its folder on the disk, and its name there."""
        folder, name = os.path.split(path)
        if folder not in self._folders:
            try:
                status = os.stat(folder or ".")
                self._folders[folder] = (status.st_dev, status.st_ino)
            except OSError:
                self._folders[folder] = (os.path.abspath(folder),)
        return (*self._folders[folder], name)

    def _add_folder(self, path: str) -> None:
        """Take the pictures below a folder; one that links lead to again, or into itself, is read once."""
        waiting = [path]
        while waiting:
            path = waiting.pop()
            if not os.path.isdir(path):
                self._add_found(path)
                continue
            try:
                status = os.stat(path)
                names = sorted(os.listdir(path), reverse=True)
            except OSError as error:
                self.found.refused.append((path, error.strerror or str(error)))
                continue
            identity = (status.st_dev, status.st_ino)
            if identity not in self._seen:
                self._seen.add(identity)
                waiting += [os.path.join(path, name) for name in names if not name.startswith(".")]

    def _add_found(self, path: str) -> None:
        suffix = os.path.splitext(path)[1].lower()
        if suffix in SUFFIXES:
            self._add_file(path)
        else:
            self.found.aside[suffix] += 1

    def _add_uri(self, uri: str) -> None:
        start = locate_uri(uri)
        if not start.place:
            if not os.path.lexists(start.path):
                raise UsageError(f"{OPTION} must be there", uri, "name another URI")
            self._add_path(start.path)
            return
        if (start.place, start.path, "/") in self._seen:
            return
        self._seen.add((start.place, start.path, "/"))
        for path in self._list_remote(uri, start):
            file = File(start.name.rstrip("/") + path.removeprefix(start.path), path, start.place)
            if (file.place, path) not in self._seen:
                self._seen.add((file.place, path))
                self.found.files.append(file)

    def _list_remote(self, uri: str, start: File) -> Iterator[str]:
        """Yield the paths of the pictures behind a URI."""
        filesystem, _ = open_filesystem(start.place, OPTION)
        try:
            kind = filesystem.get_file_info(start.path).type
            if kind == fs.FileType.NotFound:
                raise UsageError(f"{OPTION} must be there", uri, "name another URI")
            if kind == fs.FileType.File:
                yield start.path
                return
            entries = filesystem.get_file_info(fs.FileSelector(start.path, recursive=True))
        except OSError as error:
            raise make_unreachable_error(uri, error, OPTION) from error
        for entry in sorted((one for one in entries if one.is_file), key=lambda one: str(one.path)):
            inner, suffix = entry.path.removeprefix(start.path), os.path.splitext(entry.path)[1].lower()
            if "/." in inner:
                continue
            if suffix in SUFFIXES:
                yield entry.path
            else:
                self.found.aside[suffix] += 1


def _expand(pattern: str) -> list[str]:
    """Return what a pattern matches, sorted; `**` goes into no links, as they may lead back up."""
    path = Path(pattern)
    try:
        matches = Path(path.anchor).glob(str(path.relative_to(path.anchor)))
        return sorted(str(match) for match in matches if not _is_hidden(match, path))
    except ValueError as error:
        raise UsageError(f"a pattern of {OPTION} must be one", f"{pattern}: {error}", "mend it") from error


def _is_hidden(match: Path, pattern: Path) -> bool:
    return any(part.startswith(".") and part not in pattern.parts for part in match.parts)


def _read_list(path: Path) -> Iterable[File]:
    """Return the files of a list: a path or URI a line, before the first tab, as in PaddleOCR's label lists.

    A path is relative to the list, to a folder above it (`train.data.folders.image_paths`), or to the current one.
    """
    whole = read_utf8(path, "a list of files").replace(MARK, "")  # lists that were joined have marks inside
    lines = whole.split("\n" if "\n" in whole else "\r")
    names = [name for line in lines if (name := line.removesuffix("\r").split("\t")[0]).strip()]
    places = locate(path, [name for name in names if "://" not in name])
    return [locate_uri(name) if "://" in name else _find_named(name, places[name]) for name in names]


def _find_named(name: str, place: Path) -> File:
    here = os.path.abspath(os.path.expanduser(name))
    return File(name, here if not place.exists() and os.path.exists(here) else str(place))
