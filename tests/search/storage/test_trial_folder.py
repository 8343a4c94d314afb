"""Where a further attempt at a trial starts from."""

import errno
from pathlib import Path

import numpy as np
import pytest
from pyarrow.fs import LocalFileSystem

from search.storage.trial_folder import (
    CHECKPOINT_FOLDER,
    find_last_whole,
    read_micro_batches,
    write_micro_batches,
)
from tests.real_lines import config
from train.checkpoint import ARRAYS, META, Checkpoint
from train.data.charset import Charset
from train.errors import StorageError

FILES = LocalFileSystem()


def write_checkpoints(trial: Path, count: int) -> list[Path]:
    """Write checkpoints of epochs 1, 2, ... as Ray lays them out; return their folders."""
    folders = [trial / f"checkpoint_{index:06}" for index in range(count)]
    for epoch, folder in enumerate(folders, 1):
        state = {"weights": {"w": np.ones(9, np.float32)}}
        Checkpoint(config(), Charset(("A",)), epoch, {}, state).save(folder / CHECKPOINT_FOLDER)
    return folders


def cut(folder: Path) -> None:
    path = folder / CHECKPOINT_FOLDER / ARRAYS
    path.write_bytes(path.read_bytes()[:50])


def test_a_whole_checkpoint_is_taken_without_a_word(tmp_path: Path) -> None:
    folders = write_checkpoints(tmp_path, 3)
    found, note, path = find_last_whole(FILES, str(folders[1]))
    assert found is not None
    assert (found.epoch, note, path) == (2, "", str(folders[1]))


def test_damaged_and_missing_ones_are_passed_over_and_named(tmp_path: Path) -> None:
    folders = write_checkpoints(tmp_path, 4)
    cut(folders[2])
    (folders[1] / CHECKPOINT_FOLDER / META).unlink()
    found, note, path = find_last_whole(FILES, str(folders[2]))
    assert found is not None
    assert (found.epoch, path) == (1, str(folders[0]))
    assert "checkpoint_000002 is damaged" in note
    assert "checkpoint_000001 is damaged" in note
    assert "000003" not in note, "a later one was looked at"
    assert note.endswith("goes on from checkpoint_000000, epoch 1")
    assert find_last_whole(FILES, str(tmp_path / "checkpoint_000009"))[0].epoch == 4  # type: ignore[union-attr]


def test_without_a_whole_one_the_trial_begins_anew(tmp_path: Path) -> None:
    [folder] = write_checkpoints(tmp_path, 1)
    cut(folder)
    found, note, path = find_last_whole(FILES, str(folder))
    assert (found, path) == (None, "")
    assert note.endswith("begins anew")


@pytest.mark.parametrize("micro_batches", [1, 4])
def test_the_micro_batches_are_kept_with_the_trial(tmp_path: Path, micro_batches: int) -> None:
    trial = tmp_path / "trial"
    assert read_micro_batches(FILES, str(trial)) == 1
    write_micro_batches(FILES, str(trial), micro_batches)
    assert read_micro_batches(FILES, str(trial)) == micro_batches


def test_a_full_disk_leaves_the_micro_batches_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a file would end every further attempt."""

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_micro_batches(FILES, str(tmp_path), 4)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="make room"):
        write_micro_batches(FILES, str(tmp_path), 8)
    assert read_micro_batches(FILES, str(tmp_path)) == 4
