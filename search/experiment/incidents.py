"""What went wrong and was got over: crashed attempts, damaged checkpoints, too little memory; kept with the study."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.exceptions import OutOfMemoryError, RayActorError, RayTaskError
from ray.tune import Callback

from search.records.trial_report import EPOCH, NOTE
from search.storage.files import INCIDENTS
from search.storage.trial_folder import read_micro_batches, write_micro_batches
from train.config import config_from_mapping
from train.errors import OcrError, StorageError
from train.steps.micro_batches import more_micro_batches
from train.system.files import read_json, write_whole

RETRIES = 2
"""How often a trial that crashed is tried again, from its last whole checkpoint."""
LOW_ON_MEMORY = "running low on memory"
"""What Ray says of a process that it ended for the memory it took."""


class Incidents(Callback):
    """Prints and keeps every incident; ends the search where its storage cannot be written.

    Args:
        folder: of the study.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / INCIDENTS

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note a crash that is followed by another attempt; raise StorageError if that is hopeless."""
        error = find_last_error(trial)
        last = (trial.last_result or {}).get(EPOCH)
        self._note(
            trial,
            f"crashed ({describe_error(error)}) {f'after epoch {last}' if last else 'in its first epoch'}",
        )
        if isinstance(error, StorageError) and trial.num_failures >= RETRIES:
            raise error
        if isinstance(error, OutOfMemoryError):
            self._need_less(trial)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Keep what the trial itself has to say."""
        if result.get(NOTE):
            self._note(trial, result[NOTE])

    def _need_less(self, trial: Any) -> None:
        """Let the next attempt compute its batches in more micro-batches: this one was ended for the memory it took."""
        storage = trial.storage.storage_filesystem, trial.storage.trial_fs_path
        micro_batches = more_micro_batches(
            config_from_mapping(trial.config, "trial"), read_micro_batches(*storage), 1
        )
        if micro_batches is not None:
            write_micro_batches(*storage, micro_batches)
            self._note(trial, f"goes on with its largest batches in {micro_batches} micro-batches")

    def _note(self, trial: Any, what: str) -> None:
        print(f"{trial.trial_id}  {what}", flush=True)
        entries = [*read_entries(self._file), {"trial": trial.trial_id, "what": what}]
        write_whole(self._file, json.dumps(entries, indent=1, ensure_ascii=False), durable=True)


def read_entries(file: Path) -> list[dict[str, str]]:
    """Return the incidents so far, oldest first; raise CheckpointError if their file is damaged."""
    remedy = "delete it: the study then goes on, and its report says less"
    return read_json(file, remedy, list) if file.exists() else []


def read_incidents(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return what a study's trials got over, by their ids."""
    found: dict[str, list[str]] = defaultdict(list)
    for entry in read_entries(folder / INCIDENTS):
        found[entry["trial"]].append(entry["what"])
    return {trial: tuple(notes) for trial, notes in found.items()}


def find_last_error(trial: Any) -> BaseException:
    """Return what ended a trial's last attempt: our own exception, or Ray's word for a process that is gone.

    Tune pickles the errors of actors and tasks, and writes the text of every one; both lie on this machine.
    """
    text = Path(trial.error_file).read_text(encoding="utf-8").rpartition("Failure # ")[2]
    latest = text.partition("\n")[2].strip()
    pickled = Path(trial.pickled_error_file or "")
    error = cloudpickle.loads(pickled.read_bytes()) if pickled.is_file() else None
    if error is None or str(error).strip() != latest:  # an older one: this one was not pickled
        return OutOfMemoryError(latest) if LOW_ON_MEMORY in latest else RuntimeError(latest)
    inner = error.cause if isinstance(error, RayTaskError) else None
    return inner if isinstance(inner, BaseException) else error


def describe_error(error: BaseException) -> str:
    """Return an error in a few words."""
    if isinstance(error, OcrError):
        return str(error)
    if isinstance(error, OutOfMemoryError):
        return "its process was ended, as the machine ran out of memory"
    if isinstance(error, RayActorError):
        return "its process or its machine is gone"
    return f"{type(error).__name__}: {str(error).strip().splitlines()[-1] if str(error).strip() else ''}"
