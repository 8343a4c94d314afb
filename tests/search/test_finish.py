"""What a study says became of its trials."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyarrow.fs import LocalFileSystem
from ray import tune
from ray.train.constants import CHECKPOINT_DIR_NAME

from search.checkpoints import CHECKPOINT_FOLDER
from search.finish import best_checkpoint, state_of
from search.results import TrialRecord
from tests.real_lines import config
from train.checkpoint import Checkpoint
from train.data.charset import Charset
from train.errors import ModelError
from train.patience import Best


class Ended:
    """What Tune says of a trial that returned."""

    error = None
    metrics: dict[str, float] = {}  # noqa: RUF012


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
    report = {"epoch": last, **scores} | (
        Best(("exact_match", "edit_similarity"), best, (0.5, 0.5)).metrics() if patience else {}
    )
    assert state_of(Ended(), report, config(epochs=9, patience=patience)) == (state, reason)


def ended(folder: Path, scores: list[float]) -> list[Any]:
    """Return what Tune says of a trial that the deadline ended in its last report: it lists no checkpoint."""
    names = [f"checkpoint_{index:06}" for index in range(len(scores))]
    for epoch, name in enumerate(names, 1):
        state = {"weights": {"w": np.ones(2, np.float32)}}
        Checkpoint(config(), Charset(("A",)), epoch, {}, state).save(folder / name / CHECKPOINT_FOLDER)
    frame = pd.DataFrame({"epoch": range(1, len(scores) + 1), "score": scores, CHECKPOINT_DIR_NAME: names})
    result = tune.Result({}, None, None, str(folder), frame, [], LocalFileSystem())
    return [tune.Result({}, None, None, "elsewhere"), result]


def test_the_best_checkpoint_is_found_though_tune_lists_none(tmp_path: Path) -> None:
    winner = TrialRecord(id=tmp_path.name, state="stopped", config=config())
    found: Any = ended(tmp_path, [0.5, 0.9, 0.9])
    assert best_checkpoint(found, winner).epoch == 2
    with pytest.raises(ModelError, match="must have a checkpoint"):
        best_checkpoint([tune.Result({}, None, None, str(tmp_path))], winner)  # type: ignore[arg-type]
