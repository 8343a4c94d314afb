"""What a killed search goes on from: Tune's files of one moment, in one archive that is replaced whole.

Tune copies its four files into the storage one by one, over the old ones. A kill in between leaves files of two
moments, and a full disk leaves half of one: the search would be lost, or begin trials that it had already.
"""

import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ray.tune import Callback

from search.storage.location import Location
from train.errors import CheckpointError
from train.system.files import replace_file

SNAPSHOT = "snapshot.zip"
STATE = "experiment_state-"
KINDS = (STATE, "search_gen_state-", "searcher-state-", "callback-states-")


class Snapshots(Callback):
    """Archives Tune's files whenever it has written them.

    Args:
        folder: of the study, on this machine.
        copy: takes the archive's name and copies it to where the study is stored, if that is elsewhere.
    """

    def __init__(self, folder: Path, copy: Callable[[str], None]) -> None:
        self._folder, self._copy = folder, copy
        self._archived: tuple[str, int] | None = None

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Archive what is new: between two steps all of Tune's files are of one moment."""
        if not trials:
            return
        staging = Path(trials[0].storage.experiment_driver_staging_path)
        state = max(staging.glob(f"{STATE}*"), default=None)
        if state is None:
            return
        stamp = (state.name, state.stat().st_mtime_ns)
        if stamp != self._archived:
            archive(staging, state.stem.removeprefix(STATE), self._folder)
            self._copy(SNAPSHOT)
            self._archived = stamp

    def __getstate__(self) -> dict[str, Any]:
        return {"_folder": self._folder, "_copy": self._copy, "_archived": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = {"_copy": leave_here, **state}  # of an earlier version, which copied nothing


def leave_here(name: str) -> None:
    """Copy an archive nowhere."""


def archive(staging: Path, session: str, folder: Path) -> None:
    """Put a session's files into the archive, which is replaced whole."""
    with replace_file(folder / SNAPSHOT, durable=True) as draft, zipfile.ZipFile(draft, "w") as target:
        for kind in KINDS:
            for path in staging.glob(f"{kind}{session}.*"):
                target.write(path, path.name)


def restore(place: Location) -> None:
    """Let Tune find the archive's files alone; without an archive, leave what there is.

    Raises CheckpointError, and changes nothing, if the archive is damaged.

    Args:
        place: where the study is stored.
    """
    if not place.holds(SNAPSHOT):
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        place.get(SNAPSHOT, folder)
        check_whole(folder / SNAPSHOT, f"{place.path}/{SNAPSHOT}")
        with zipfile.ZipFile(folder / SNAPSHOT) as source:
            source.extractall(folder)
            names = source.namelist()
        for name in place.names():
            if name.startswith(KINDS):
                place.delete(name)
        place.put(folder, names)


def check_whole(path: Path, shown: str) -> None:
    """Raise CheckpointError, which names the archive as `shown`, if any of it cannot be read."""
    try:
        with zipfile.ZipFile(path) as archived:
            damaged = archived.testzip()
    except zipfile.BadZipFile as error:
        damaged = str(error)
    if damaged is not None:
        raise CheckpointError(
            "what a search goes on from must be whole",
            f"{shown}: {damaged}",
            "put it back from a copy, or delete it to go on from Tune's own files beside it, if they are whole",
        )
