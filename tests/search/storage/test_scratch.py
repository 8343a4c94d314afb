"""What a process writes for a moment goes with it, or, where it was killed, with the next one of its search."""

import os
import signal
from pathlib import Path

import pytest

from search.storage.scratch import scratch_folder


def kill_within(search: str) -> Path:
    """Return the folder of a process that was killed while it wrote into it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with scratch_folder(search) as folder:
                (folder / "state.npz").write_bytes(b"half")
                os.write(writing, os.fsencode(folder))
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        found = Path(os.fsdecode(told.read()))
    os.waitpid(child, 0)
    return found


def test_what_a_killed_process_left_goes_with_the_next_one_of_its_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    mine, others = kill_within("/runs/vin"), kill_within("/runs/vin2")
    assert (mine / "state.npz").exists()
    with scratch_folder("/runs/vin") as living:
        assert not mine.exists()
        with scratch_folder("/runs/vin") as beside:
            assert living.is_dir()
            assert beside.is_dir()
        assert not beside.exists()
    assert list(tmp_path.iterdir()) == [others]
