"""Which checkpoints may go: never one that a killed search may need to go on, or that the end may need."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pyarrow import fs
from ray import tune
from ray.tune import Callback

from search.records.facts import DiskUse
from search.records.trial_report import TrialReport
from search.storage.trial_folder import PREFIX, TrialFolder, list_checkpoints

SNAPSHOT_S = 120.0
"""A snapshot of the search is written every few seconds; what is older than this is in none."""
LATEST = 2


@dataclass(frozen=True)
class Kept:
    """A checkpoint.

    Attributes:
        saved: Unix time.
        name: of its folder.
    """

    saved: float
    epoch: int
    score: float
    name: str


def find_superfluous(kept: list[Kept], now: float, ended: bool = False, latest: int = LATEST) -> list[str]:
    """Return the names of what is older than SNAPSHOT_S and not needed any more.

    Needed are the best one and, until the trial has ended, the latest ones: should one be damaged, another is there.

    Args:
        kept: oldest first; of an epoch that was repeated after a crash, only the last counts.
        now: Unix time.
        ended: whether the trial has.
        latest: how many of those.
    """
    by_epoch = {entry.epoch: entry for entry in kept}
    best = max(sorted(by_epoch.values(), key=lambda entry: entry.epoch), key=lambda entry: entry.score)
    needed = {best.name} | ({entry.name for entry in kept[-latest:]} if not ended else set())
    return [entry.name for entry in kept if entry.name not in needed and now - entry.saved > SNAPSHOT_S]


class KeepNeeded(Callback):
    """Deletes superfluous checkpoints while the search runs.

    Tune's own `num_to_keep` deletes at once: a search killed before its next snapshot would then look for a
    checkpoint that is gone, and lose the trial.

    Args:
        latest: checkpoints of a running trial that are kept beside its best one.
    """

    def __init__(self, latest: int = LATEST) -> None:
        self._latest = latest
        self._kept: dict[str, list[Kept]] = {}
        self._ended: set[str] = set()

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed search goes on with."""
        return {"kept": self._kept, "ended": self._ended}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on with the checkpoints of the interrupted run."""
        self._kept, self._ended = state["kept"], state["ended"]

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Note the report's checkpoint, and delete what has become superfluous of all trials."""
        report = TrialReport.from_row(result)
        name = report.stamp.checkpoint
        if not name:
            return
        before = [entry for entry in self._kept.get(trial.trial_id, []) if entry.name != name]
        entry = Kept(time.time(), report.epoch, report.score, name)
        self._kept[trial.trial_id] = [*before, entry]
        for other in trials:
            self._delete_superfluous(other)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note that the trial has ended: only its best checkpoint is needed from now on."""
        self._ended.add(trial.trial_id)

    def _delete_superfluous(self, trial: Any) -> None:
        kept = self._kept.get(trial.trial_id)
        gone = (
            find_superfluous(kept, time.time(), trial.trial_id in self._ended, self._latest) if kept else []
        )
        for name in gone:
            delete_folder(trial.storage.storage_filesystem, f"{trial.storage.trial_fs_path}/{name}")
        self._kept[trial.trial_id] = [entry for entry in kept or [] if entry.name not in gone]


def delete_folder(filesystem: fs.FileSystem, folder: str) -> None:
    """Delete a folder; what cannot be deleted now is looked for again when the search is over."""
    with suppress(OSError):
        filesystem.delete_dir(folder)


def keep_best(trials: Iterable[TrialFolder]) -> None:
    """Delete all checkpoints of a finished search but the best one of every trial."""
    for trial in trials:
        best = trial.best
        for name in list_checkpoints(trial.filesystem, trial.path):
            if name != best:
                delete_folder(trial.filesystem, f"{trial.path}/{name}")


def measure_disk_use(results: tune.ResultGrid) -> DiskUse:
    """Return what a search takes in its storage."""
    place = fs.FileSelector(results.experiment_path, recursive=True, allow_not_found=True)
    files = results.filesystem.get_file_info(place)
    sizes = [(f"/{PREFIX}" in info.path, info.size) for info in files if info.type == fs.FileType.File]
    return DiskUse(
        total_bytes=sum(size for _, size in sizes),
        checkpoint_bytes=sum(size for is_checkpoint, size in sizes if is_checkpoint),
    )
