"""What a study says became of its trials."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyarrow.fs import LocalFileSystem
from ray import tune
from ray.train.constants import CHECKPOINT_DIR_NAME

from search.experiment.progress import place
from search.planning.plan import Planned
from search.preflight.stages import Prepared, Probed
from search.records.from_reports import complete_journal, find_state, read_trained_config
from search.records.sample_rows import ROWS
from search.records.trial import TrialRecord
from search.records.trial_report import EPOCH, TrialReport, checkpoint_scores, latest_reports
from search.selection import finish
from search.selection.outcome import Searched
from search.settings import StudySettings
from search.storage.files import RESULT_FILE, SUMMARY_FILE
from search.storage.journal import TrialJournal
from search.storage.trial_folder import CHECKPOINT_FOLDER, TrialFolder
from spaces.space import load_space
from tests.real_lines import config
from tests.search.made_result import image_of
from tests.search.made_result import result as made_result
from train.checkpoint import ARRAYS, Checkpoint
from train.config import TrialConfig
from train.data.charset import Charset
from train.errors import CheckpointError
from train.sets.read import Sets
from train.steps.schedule import Best, ScheduleHorizon


@pytest.mark.parametrize(
    ("last", "best", "patience", "state", "reason"),
    [
        (4, 2, 2, "finished", "no better epoch in 2 after epoch 2"),
        (4, 3, 2, "stopped", "stopped after epoch 4 of 9 (scheduler or time budget)"),
        (4, 2, 0, "stopped", "stopped after epoch 4 of 9 (scheduler or time budget)"),
        (9, 7, 2, "finished", ""),
        (9, 9, 0, "finished", ""),
    ],
)
def test_a_trial_ends_with_its_reason(last: int, best: int, patience: int, state: str, reason: str) -> None:
    scores = {"exact_match": 0.5, "edit_similarity": 0.5}
    row = {EPOCH: last, **scores} | (
        Best(("exact_match", "edit_similarity"), best, (0.5, 0.5)).metrics() if patience else {}
    )
    assert find(row, config(epochs=9, patience=patience)) == (state, reason)


def test_a_trial_of_an_earlier_version_may_have_lost_its_patience_with_everything_read() -> None:
    scores = {"exact_match": 1.0, "edit_similarity": 1.0}
    kept = Best(("exact_match", "edit_similarity"), 1, (1.0, 1.0)).metrics()
    told = [find({EPOCH: last, **scores, **kept}, config(epochs=30, patience=10))[0] for last in (11, 12)]
    assert told == ["finished", "stopped"]


def find(row: dict[str, Any], trained: TrialConfig) -> tuple[str, str]:
    return find_state(TrialJournal("a", {}, [row]), TrialReport.from_row(row), trained)


def test_a_trial_was_as_long_as_its_last_report_says() -> None:
    params = config(epochs=30).model_dump(mode="json")
    horizon = ScheduleHorizon(12, 3, 0.2, share=0.5, seen=3.0)
    fitted = {EPOCH: 12, "exact_match": 0.5, "edit_similarity": 0.5, **horizon.metrics()}
    last = TrialReport.from_row(fitted)
    assert read_trained_config(None, None).epochs == TrialConfig().epochs
    whole = TrialReport.from_row({EPOCH: 12})
    assert read_trained_config(params, None).epochs == read_trained_config(params, whole).epochs == 30
    trained = read_trained_config(params, last)
    assert (trained.epochs, trained.epoch_share) == (12, (3 + 9 * 0.5) / 12)
    assert find(fitted, read_trained_config(params, last)) == ("finished", "")
    assert [place(fitted, params), place({"epoch": 2}, params)] == ["epoch  12/12 ", "epoch   2/30 "]


def ended(folder: Path, scores: list[float]) -> Any:
    """Return what Tune says of a trial that the deadline ended in its last report: it lists no checkpoint."""
    names = [f"checkpoint_{index:06}" for index in range(len(scores))]
    for epoch, name in enumerate(names, 1):
        state = {"weights": {"w": np.ones(2, np.float32)}}
        Checkpoint(config(), Charset(("A",)), epoch, {}, state).save(folder / name / CHECKPOINT_FOLDER)
    frame = pd.DataFrame({"epoch": range(1, len(scores) + 1), "score": scores, CHECKPOINT_DIR_NAME: names})
    return tune.Result({}, None, None, str(folder), frame, [], LocalFileSystem())


def test_the_best_checkpoint_is_found_though_tune_lists_none(tmp_path: Path) -> None:
    result = ended(tmp_path, [0.5, 0.9, 0.9, 1.0])
    shutil.rmtree(tmp_path / "checkpoint_000003")
    scores = checkpoint_scores(latest_reports(complete_journal(result, {}).rows))
    folder = TrialFolder(LocalFileSystem(), str(tmp_path), scores)
    assert folder.read_best().epoch == 2
    with pytest.raises(CheckpointError, match="must have left a checkpoint"):
        TrialFolder(LocalFileSystem(), str(tmp_path / "none"), scores).read_best()


def test_a_winner_whose_checkpoint_is_damaged_is_named_with_what_can_be_done(tmp_path: Path) -> None:
    result = ended(tmp_path / "vin" / "t1", [0.5, 0.9])
    settings = StudySettings(name="vin", storage=str(tmp_path))
    prepared = Prepared(settings, load_space("quick"), Sets({}, {}, {}), (), False, 0.0)
    probed = Probed(prepared, None, None, (), None)  # type: ignore[arg-type]
    search = Searched(Planned(probed, None, None), [result])  # type: ignore[arg-type]
    winner = TrialRecord(id="t1", state="finished", config=config())
    assert search.load(winner).epoch == 2
    weights = tmp_path / "vin" / "t1" / "checkpoint_000001" / CHECKPOINT_FOLDER / ARRAYS
    weights.write_bytes(weights.read_bytes()[:50])
    with pytest.raises(CheckpointError) as raised:
        search.load(winner)
    assert "trial t1 must be whole" in raised.value.rule
    assert f"{ARRAYS} has changed" in str(raised.value.value)
    for remedy in ("--resume", f"export vin --storage {tmp_path} --trial ID", "--name NEW --fork vin"):
        assert remedy in raised.value.remedy


def test_a_study_is_finished_when_all_of_it_is_there(tmp_path: Path) -> None:
    settings = StudySettings(name="vin", storage=str(tmp_path))

    def write(image: Any) -> set[str]:
        lines = SimpleNamespace(image=image)
        search: Any = SimpleNamespace(
            settings=settings, data=SimpleNamespace(training=SimpleNamespace(val=lines, train=lines))
        )
        verdict: Any = SimpleNamespace(rows={}, picture=None)
        finish.write_files(search, made_result(), verdict)
        return {path.name for path in settings.local_folder.iterdir()}

    with pytest.raises(ZeroDivisionError):
        write(lambda index: 1 / 0)
    assert not (settings.local_folder / SUMMARY_FILE).exists()
    assert write(image_of) == {ROWS, RESULT_FILE, SUMMARY_FILE, "report.html"}


def test_the_journal_is_believed_and_tune_fills_what_it_lacks(tmp_path: Path) -> None:
    result = ended(tmp_path, [0.5, 0.9])
    written = TrialJournal(tmp_path.name, {}, [{"epoch": 2, "score": 0.7}, {"epoch": 3, "score": 0.8}])
    found = latest_reports(complete_journal(result, {written.id: written}).rows)
    assert [(report.epoch, report.score) for report in found] == [(1, 0.5), (2, 0.7), (3, 0.8)]
