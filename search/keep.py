"""Which checkpoints of a running trial may go: never one that a killed search may need to go on."""

import time
from typing import Any

from ray.tune import Callback

SNAPSHOT_S = 120.0
"""Tune writes its snapshot of the search every few seconds; what is older than this is in none."""


def superfluous(kept: list[tuple[float, float, str]], now: float) -> list[str]:
    """Return the names that are neither the best, nor the latest, nor younger than SNAPSHOT_S.

    Args:
        kept: (Unix time, score, name) of each checkpoint, oldest first.
        now: Unix time.
    """
    best = max(kept, key=lambda entry: entry[1])[2]
    return [name for saved, _, name in kept[:-1] if name != best and now - saved > SNAPSHOT_S]


class KeepBestAndRecent(Callback):  # type: ignore[misc]
    """Deletes superfluous checkpoints.

    Tune's own `num_to_keep` deletes at once: a search killed before its next snapshot would then look for a
    checkpoint that is gone, and lose the trial.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[tuple[float, float, str]]] = {}

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Note the report's checkpoint and delete what has become superfluous."""
        name = result.get("checkpoint_dir_name")
        if not name:
            return
        kept = self._kept.setdefault(trial.trial_id, [])
        kept.append((time.time(), result["score"], name))
        gone = superfluous(kept, time.time())
        for old in gone:
            trial.storage.storage_filesystem.delete_dir(f"{trial.storage.trial_fs_path}/{old}")
        self._kept[trial.trial_id] = [entry for entry in kept if entry[2] not in gone]
