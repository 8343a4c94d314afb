"""A checkpoint comes back whole, or not at all."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.real_lines import config, lines
from train.checkpoint import ARRAYS, META, Checkpoint, load_checkpoint
from train.data.charset import Charset
from train.errors import CheckpointError
from train.loop import assemble


def made(epoch: int = 3) -> Checkpoint:
    rng = np.random.default_rng(0)
    state: dict[str, Any] = {
        "weights": {"head.weight": rng.random((40, 30), np.float32), "head.bias": np.ones(30, np.float32)},
        "optimiser": {"head.weight|_moment1_0": rng.random((40, 30), np.float32)},
        "scaler": {},
    }
    settings = config(technique={"name": "gradual", "options": {"neck": 0.2}}, weights="somewhere")
    return Checkpoint(
        settings, Charset(("é", "A", "日", " ")), epoch, {"exact_match": 0.5, "loss": 1.0}, state
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    made().save(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def test_it_comes_back_as_it_was(saved: Path) -> None:
    found, expected = load_checkpoint(saved), made()
    assert (found.config, found.charset, found.epoch) == (expected.config, expected.charset, 3)
    assert found.metrics == expected.metrics
    for part, arrays in expected.state.items():
        assert found.state[part].keys() == arrays.keys()
        for name, array in arrays.items():
            assert found.state[part][name].dtype == array.dtype
            np.testing.assert_array_equal(found.state[part][name], array)


def test_saving_over_an_older_one_leaves_only_the_newer(saved: Path) -> None:
    made(epoch=4).save(saved)
    assert load_checkpoint(saved).epoch == 4
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize("name", [ARRAYS, META])
def test_a_missing_file_is_refused(name: str, saved: Path) -> None:
    (saved / name).unlink()
    with pytest.raises(CheckpointError, match="must be whole and of this version"):
        load_checkpoint(saved)


def test_a_disk_that_fails_is_said(saved: Path) -> None:
    (saved / META).unlink()
    (saved / META).symlink_to("/proc/self/mem")  # opens, and fails when it is read, without a name
    with pytest.raises(CheckpointError, match="one of its files: Input/output error"):
        load_checkpoint(saved)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        load_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.7, 0.99, 0.9999])
@pytest.mark.parametrize("name", [ARRAYS, META])
def test_a_truncated_file_is_refused(name: str, share: float, saved: Path) -> None:
    whole = (saved / name).read_bytes()
    (saved / name).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError):
        load_checkpoint(saved)


@pytest.mark.parametrize("place", [0.01, 0.4, 0.9])
def test_damaged_arrays_are_refused(place: float, saved: Path) -> None:
    content = bytearray((saved / ARRAYS).read_bytes())
    start = int(place * len(content))
    content[start : start + 64] = bytes(byte ^ 0xFF for byte in content[start : start + 64])
    (saved / ARRAYS).write_bytes(content)
    with pytest.raises(CheckpointError):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    "change",
    [{"format": 0}, {"format": None}, {"sha256": "0"}, {"config": None}, {"characters": 5}, {"epoch": None}],
)
def test_other_contents_are_refused(change: dict[str, Any], saved: Path) -> None:
    """None takes the entry away."""
    meta = json.loads((saved / META).read_text("utf-8")) | change
    meta = {key: value for key, value in meta.items() if value is not None}
    (saved / META).write_text(json.dumps(meta), "utf-8")
    with pytest.raises(CheckpointError):
        load_checkpoint(saved)


@pytest.mark.parametrize("content", ["[]", "null", "{}"])
def test_a_description_that_is_none_is_refused(content: str, saved: Path) -> None:
    (saved / META).write_text(content, "utf-8")
    with pytest.raises(CheckpointError):
        load_checkpoint(saved)


@pytest.mark.parametrize("step", ["savez", "dumps"])
def test_a_half_written_checkpoint_is_never_seen(
    step: str, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np if step == "savez" else json, step, fail)
    with pytest.raises(OSError, match="no space"):
        made(epoch=4).save(saved)
    with pytest.raises(OSError, match="no space"):
        made(epoch=4).save(saved.parent / "new")
    monkeypatch.undo()
    assert load_checkpoint(saved).epoch == 3
    assert not (saved.parent / "new").exists()


def test_nothing_is_left_behind_by_a_failed_save(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="no space"):
        made(epoch=4).save(saved)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_checkpoint_can_be_moved(saved: Path, tmp_path: Path) -> None:
    shutil.move(saved, tmp_path / "elsewhere")
    assert load_checkpoint(tmp_path / "elsewhere").epoch == 3


@pytest.mark.parametrize("batch_norm", ["frozen", "live"])
def test_an_engine_comes_back_from_disk_reading_the_same(
    batch_norm: str, data_dir: Path, tmp_path: Path
) -> None:
    data = lines(data_dir, count=3)
    settings = config(batch_norm=batch_norm)
    engine, task = assemble(settings, data)
    Checkpoint(settings, engine.charset, 0, {}, engine.state()).save(tmp_path / "c")
    again, _ = assemble(settings, data, load_checkpoint(tmp_path / "c"))
    images = task.evaluation_batch(data, np.arange(3))
    np.testing.assert_array_equal(engine.predict(images), again.predict(images))
