"""What a search says of the faults that it got over."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow.fs import LocalFileSystem
from ray import cloudpickle
from ray.exceptions import ActorDiedError, OutOfMemoryError, RayTaskError

from search.experiment.incidents import (
    LOW_ON_MEMORY,
    RETRIES,
    Incidents,
    describe_error,
    find_last_error,
    read_incidents,
)
from search.storage.trial_folder import read_micro_batches
from tests.real_lines import config
from train.errors import StorageError

UNSAVED = StorageError("a checkpoint must be written whole", "no space", "make room")


def failed(folder: Path, *errors: BaseException, pickled: bool = True) -> Any:
    """Return a trial whose attempts ended with these errors, the files as Tune writes them."""
    files = SimpleNamespace(
        error_file=str(folder / "error.txt"), pickled_error_file=str(folder / "error.pkl")
    )
    text = "".join(
        f"Failure # {number} (occurred at noon)\n{error}\n" for number, error in enumerate(errors, 1)
    )
    (folder / "error.txt").write_text(text, encoding="utf-8")
    (folder / "error.pkl").write_bytes(cloudpickle.dumps(errors[-1] if pickled else errors[0]))
    storage = SimpleNamespace(storage_filesystem=LocalFileSystem(), trial_fs_path=str(folder / "a"))
    settings = config(batch_size=8).model_dump(mode="json")
    return SimpleNamespace(
        **vars(files), trial_id="a", storage=storage, config=settings, last_result={"epoch": 3},
        num_failures=len(errors),
    )  # fmt: skip


def of_task(error: Exception) -> RayTaskError:
    return RayTaskError("train", "Traceback ...", error)


def test_the_last_error_is_what_our_code_raised_or_what_ray_says(tmp_path: Path) -> None:
    assert isinstance(find_last_error(failed(tmp_path, ActorDiedError(), of_task(UNSAVED))), StorageError)
    assert isinstance(find_last_error(failed(tmp_path, of_task(UNSAVED), ActorDiedError())), ActorDiedError)
    low = OutOfMemoryError(f"Task was killed due to the node {LOW_ON_MEMORY}.")
    assert isinstance(
        find_last_error(failed(tmp_path, ActorDiedError(), low, pickled=False)), OutOfMemoryError
    )
    assert "gone" in describe_error(ActorDiedError())
    assert describe_error(ZeroDivisionError("by\nzero")) == "ZeroDivisionError: zero"


def test_a_crash_is_noted_with_its_epoch(tmp_path: Path) -> None:
    kept = Incidents(tmp_path)
    kept.on_trial_recover(1, [], failed(tmp_path, ActorDiedError()))
    kept.on_trial_result(1, [], SimpleNamespace(trial_id="a"), {"note": "less memory"})
    kept.on_trial_result(1, [], SimpleNamespace(trial_id="b"), {"epoch": 1})
    assert read_incidents(tmp_path) == {
        "a": ("crashed (its process or its machine is gone) after epoch 3", "less memory")
    }


def test_a_process_that_took_too_much_memory_is_tried_in_micro_batches(tmp_path: Path) -> None:
    trial = failed(tmp_path, OutOfMemoryError(LOW_ON_MEMORY), pickled=False)
    Incidents(tmp_path).on_trial_recover(1, [], trial)
    assert read_micro_batches(trial.storage.storage_filesystem, trial.storage.trial_fs_path) == 2
    assert read_incidents(tmp_path)["a"][1] == "goes on with its largest batches in 2 micro-batches"


def test_a_storage_that_stays_unwritable_ends_the_search(tmp_path: Path) -> None:
    kept, errors = Incidents(tmp_path), [of_task(UNSAVED)] * RETRIES
    kept.on_trial_recover(1, [], failed(tmp_path, *errors[1:]))
    with pytest.raises(StorageError):
        kept.on_trial_recover(1, [], failed(tmp_path, *errors))
