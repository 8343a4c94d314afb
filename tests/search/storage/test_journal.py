"""The journal of a study's reports, and the archive that a killed search goes on from."""

import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from search.experiment.snapshot import SNAPSHOT, archive, restore
from search.records.trial_report import latest_reports
from search.storage.files import JOURNAL
from search.storage.journal import Journal, read_journal
from search.storage.location import Location
from train.errors import CheckpointError


@pytest.mark.parametrize("cut", [b'{"event": "report", "trial": "a", "epoch": 3, "sc', "\u00e4".encode()[:1]])
def test_reports_are_read_back_and_a_cut_line_is_none(tmp_path: Path, cut: bytes) -> None:
    path, trial = tmp_path / JOURNAL, SimpleNamespace(trial_id="a")
    journal = Journal(path, {})
    for epoch in (1, 2, 2):
        journal.on_trial_result(
            0, [], trial, {"epoch": epoch, "score": np.float32(0.5), "config": {}, "note": "\u2028"}
        )
    [whole] = read_journal(tmp_path)
    reports = [(one.epoch, one.score, one.note) for one in latest_reports(whole.rows)]
    assert reports == [(1, 0.5, "\u2028"), (2, 0.5, "\u2028")]
    assert len(whole.rows) == 3
    with path.open("ab") as file:
        file.write(cut)
    assert read_journal(tmp_path) == [whole]
    journal.on_trial_result(0, [], trial, {"epoch": 3, "score": 0.7})
    [found] = read_journal(tmp_path)
    assert found.rows[:-1] == whole.rows
    assert [one.epoch for one in latest_reports(found.rows)] == [1, 2, 3]


def test_the_archive_replaces_what_was_half_written(tmp_path: Path) -> None:
    staging, folder = tmp_path / "staging", tmp_path / "study"
    for place in (staging, folder):
        place.mkdir()
    names = ["experiment_state-1.json", "searcher-state-1.pkl", "callback-states-1.pkl"]
    for name in names:
        (staging / name).write_text(f"whole {name}", encoding="utf-8")
    (staging / "experiment_state-0.json").write_text("an earlier session's", encoding="utf-8")
    archive(staging, "1", folder)
    (folder / "experiment_state-1.json").write_text("whole exp", encoding="utf-8")
    (folder / "experiment_state-2.json").write_text("", encoding="utf-8")
    restore(Location(str(folder)))
    assert {
        path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name != SNAPSHOT
    } == {name: f"whole {name}" for name in names}


def test_a_failed_archive_leaves_the_last_one(tmp_path: Path) -> None:
    (tmp_path / "experiment_state-1.json").write_text("first", encoding="utf-8")
    archive(tmp_path, "1", tmp_path)
    (tmp_path / "experiment_state-1.json").unlink()
    (tmp_path / "experiment_state-1.json").mkdir()
    (tmp_path / "searcher-state-1.pkl").symlink_to(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        archive(tmp_path, "1", tmp_path)
    with zipfile.ZipFile(tmp_path / SNAPSHOT) as kept:
        assert kept.read("experiment_state-1.json") == b"first"


@pytest.mark.parametrize("left", [10, 60])
def test_a_damaged_archive_is_refused_and_nothing_is_touched(tmp_path: Path, left: int) -> None:
    state = tmp_path / "experiment_state-1.json"
    state.write_text("whole" * 100, encoding="utf-8")
    archive(tmp_path, "1", tmp_path)
    whole = (tmp_path / SNAPSHOT).read_bytes()
    (tmp_path / SNAPSHOT).write_bytes(whole[:left])
    with pytest.raises(CheckpointError, match=r"snapshot\.zip.*delete it"):
        restore(Location(str(tmp_path)))
    turned = bytearray(whole)
    turned[100] ^= 1
    (tmp_path / SNAPSHOT).write_bytes(turned)
    with pytest.raises(CheckpointError, match="experiment_state-1"):
        restore(Location(str(tmp_path)))
    assert state.read_text(encoding="utf-8") == "whole" * 100


def test_without_an_archive_nothing_is_touched(tmp_path: Path) -> None:
    (tmp_path / "experiment_state-1.json").write_text("Tune's own", encoding="utf-8")
    restore(Location(str(tmp_path)))
    assert (tmp_path / "experiment_state-1.json").read_text(encoding="utf-8") == "Tune's own"
