"""Where a study lies: a folder, or a URI that pyarrow opens (`s3://bucket/prefix?endpoint_override=...`).

Trials and Tune write to it from every node. What the driver writes itself (settings, `optuna.db`, reports of trials; at
the end bundle and report) lies in `StudySettings.local_folder`; for a URI that is a stand-in, whose files are
copied there as soon as a resumed study could need them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

from pyarrow import fs

from search.settings import ASKED, StudySettings, read_settings_file
from search.storage.files import (
    BEGUN,
    CLOCK,
    EMBEDDED_FOLDER,
    FIRST_OTHERS_FOLDER,
    GROWING,
    OTHERS_FOLDER,
    STUDIES,
    STUDY_FILE,
    WHILE_RUNNING,
)
from search.storage.journal import read_journal
from train.data.decoded.decoding import CACHE
from train.errors import UsageError
from train.system.files import write_whole
from train.system.filesystems import make_unreachable_error, open_filesystem

OPTION = "--storage"


class NameTakenError(UsageError):
    """There is a study of that name, which is another search's."""


@dataclass(frozen=True)
class Location:
    """A folder that every node reaches.

    Attributes:
        path: absolute, on its file system.
        filesystem: None for the machines' own, a mounted one included.
    """

    path: str
    filesystem: fs.FileSystem | None = None

    @property
    def parent(self) -> str:
        """The path of the folder that it is in."""
        return self.path.rpartition("/")[0]

    def inside(self, name: str) -> "Location":
        """Return a folder in it."""
        return Location(f"{self.path}/{name}", self.filesystem)

    def holds(self, name: str) -> bool:
        """Return whether there is a file of that name."""
        return self.size(name) is not None

    def names(self) -> list[str]:
        """Return the names of the files in it, without those in folders."""
        found = self._reached.get_file_info(fs.FileSelector(self.path, allow_not_found=True))
        return [each.base_name for each in found if each.type == fs.FileType.File]

    def size(self, name: str) -> int | None:
        """Return a file's size in bytes; None if there is none."""
        found = self._reached.get_file_info(f"{self.path}/{name}")
        return int(found.size) if found.type == fs.FileType.File else None

    def put(self, folder: Path, names: Iterable[str]) -> None:
        """Copy files of a local folder to it, those that exist."""
        present = [name for name in names if (folder / name).is_file()]
        if present:
            self._reached.create_dir(self.path)
        for name in present:
            self._copy(folder / name, name)

    def put_all(self, folder: Path) -> None:
        """Copy everything in a local folder to it."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self._copy(path, path.relative_to(folder).as_posix())

    def get(self, name: str, folder: Path) -> None:
        """Copy a file to a local folder, whole or not at all."""
        with self._reached.open_input_stream(f"{self.path}/{name}") as source:
            write_whole(folder / name, source.read())

    def delete(self, name: str) -> None:
        """Delete a file, if it is there."""
        if self.holds(name):
            self._reached.delete_file(f"{self.path}/{name}")

    def delete_folder(self) -> None:
        """Delete the folder with all that is in it, if it is there."""
        if self._reached.get_file_info(self.path).type == fs.FileType.Directory:
            self._reached.delete_dir(self.path)

    def delete_folders(self, prefix: str) -> None:
        """Delete the folders in it whose names begin so, with all that is in them."""
        for each in self._reached.get_file_info(fs.FileSelector(self.path, allow_not_found=True)):
            if each.type == fs.FileType.Directory and each.base_name.startswith(prefix):
                self._reached.delete_dir(each.path)

    def _copy(self, source: Path, name: str) -> None:
        target = f"{self.path}/{name}"
        self._reached.create_dir(target.rpartition("/")[0])
        content = source.read_bytes()  # before an object begins: it appears, however short, when it is closed
        with self._reached.open_output_stream(target) as stream:
            stream.write(content)

    @property
    def _reached(self) -> fs.FileSystem:
        return self.filesystem or fs.LocalFileSystem()


def locate(settings: StudySettings) -> Location:
    """Return where a study lies; raise UsageError for a URI that cannot be opened."""
    if not settings.remote:
        return Location(str(settings.local_folder.resolve()))
    filesystem, path = open_filesystem(settings.storage, OPTION)
    return Location(f"{path}/{settings.name}", filesystem)


def study_exists(settings: StudySettings) -> bool:
    """Return whether a study of that name lies there; raise UsageError if the storage does not answer."""
    if (settings.local_folder / STUDY_FILE).exists():
        return True
    if not settings.remote:
        return False
    try:
        return locate(settings).holds(STUDY_FILE)
    except OSError as error:
        raise make_unreachable_error(settings.storage, error, OPTION) from error


def fetch_study(settings: StudySettings) -> None:
    """Bring the files that a study is resumed from to this machine, which may be another one than it began on.

    Raises UsageError where the local folder already is the stand-in of another study of that name.
    """
    if not settings.remote:
        return
    folder = settings.local_folder
    if (folder / STUDY_FILE).exists():
        _require_same(settings, folder / STUDY_FILE)
    place = locate(settings)
    try:
        for name in (*BEGUN, *WHILE_RUNNING):
            size, local = place.size(name), folder / name
            if size is not None and not (
                name in GROWING and local.is_file() and local.stat().st_size >= size
            ):
                place.get(name, folder)
    except OSError as error:
        raise make_unreachable_error(settings.storage, error, OPTION) from error


def _require_same(settings: StudySettings, path: Path) -> None:
    kept = read_settings_file(path)
    mine, theirs = (urlsplit(storage)._replace(query="") for storage in (settings.storage, kept.storage))
    if mine != theirs:
        raise UsageError(
            "the local folder of a study must be its own",
            f"{path.parent} belongs to the one in {kept.storage}",
            f"move {path.parent} away, or start from another folder",
        )


def publish(settings: StudySettings, *names: str) -> None:
    """Copy files of the study's local stand-in to its URI; a folder needs none.

    Raises UsageError if nothing can be written there.
    """
    if settings.remote:
        try:
            locate(settings).put(settings.local_folder, names)
        except OSError as error:
            raise make_unreachable_error(settings.storage, error, OPTION) from error


def withdraw(settings: StudySettings) -> None:
    """Leave the study's name free, here and there, as if it had never been asked for.

    A search on another machine, whose lock nobody sees behind a URI, may have begun there meanwhile: that stays.
    """
    mine = (settings.local_folder / STUDY_FILE).exists()
    for name in (*BEGUN, *WHILE_RUNNING, CLOCK):
        (settings.local_folder / name).unlink(missing_ok=True)
    if settings.remote and (mine or not locate(settings).holds(STUDY_FILE)):
        for name in BEGUN:
            locate(settings).delete(name)


def check_own_folder(settings: StudySettings) -> None:
    """Raise UsageError if a new study would write among what it reads, or has the name of a file beside studies."""
    folder = settings.local_folder.resolve()
    others = (settings.general_labels, settings.synthetic_labels, settings.reading, settings.texts)
    models = (settings.weights, settings.detection, settings.recognition)
    named = (*others, *models, settings.dictionary, settings.space)
    data = [path for path in (settings.data, *chain(*settings.labels.values())) if path]
    data += [path for path in named if path and Path(path).exists()]
    inside = next((path for path in data if Path(path).resolve().is_relative_to(folder)), None)
    kept = (STUDIES, EMBEDDED_FOLDER, OTHERS_FOLDER, FIRST_OTHERS_FOLDER, CACHE)
    taken = settings.name if settings.name in kept else None
    if inside or taken:
        raise UsageError(
            "a study must have a folder to itself",
            f"{folder}, where {f'{inside} lies' if inside else 'all studies have files'}",
            "choose another --name or --storage",
        )


def check_folder(settings: StudySettings, resume: bool) -> None:
    """Raise UsageError if the study's folder holds one already (NameTakenError), or, to resume, none."""
    if resume and not study_exists(settings):
        place = f"{settings.name} in {settings.storage}"
        raise UsageError("--resume needs a study of that name", place, "leave out --resume")
    check_name(settings, resume)
    if not resume and read_journal(settings.local_folder):
        raise UsageError(
            "a new study's folder must hold no trials", settings.local_folder, "choose another --name"
        )


def check_name(settings: StudySettings, resume: bool) -> None:
    """Raise NameTakenError for the name of another study; of one that another machine began no lock may have told."""
    folder = settings.local_folder
    is_pair = (folder / ASKED).exists() and any(folder.glob(f"*/{STUDY_FILE}"))  # a detector and its reader
    if not resume and (is_pair or study_exists(settings)):
        place, remedy = f"{settings.name} in {settings.storage}", "add --resume, or choose another --name"
        raise NameTakenError("a study's name must be new", place, remedy)


def load_settings(folder: Path) -> StudySettings:
    """Read the settings that a study was started with."""
    path = folder / STUDY_FILE
    if not path.is_file():
        raise UsageError("--resume needs a study of that name", folder, "leave out --resume")
    return read_settings_file(path)
