"""Later folds are kept: an interrupted trial does not train them again."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow.fs import LocalFileSystem

from search.records.trial_report import FoldReport
from search.trials import folds
from search.trials.folds import Fold, Predicted, run_folds
from search.trials.kept_folds import KeptFolds
from tests import real_lines
from tests.search.made_result import rows
from tests.search.trials.test_folds import fold
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.steps.report import Metrics


@pytest.mark.parametrize("chosen_by", [False, True])
def test_an_interrupted_trial_reports_the_later_folds_that_it_kept_and_trains_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen_by: bool
) -> None:
    """Where settings are chosen by what a fold reads, that is not kept, and it is trained again."""
    data: list[Any] = [object() for _ in range(4)]

    def go(saved: Checkpoint | None, last: int) -> tuple[list[int], list[tuple[Metrics, FoldReport]]]:
        trained: list[int] = []
        found: list[tuple[Metrics, FoldReport]] = []

        def train(config: TrialConfig, mine: Any, *_: Any) -> Fold:
            trained.append(data.index(mine) + 1)
            if trained[-1] > last:
                raise KeyboardInterrupt
            some = fold([1] * trained[-1] + [0], seconds=trained[-1] / 3)
            return replace(some, predicted=Predicted(mine, [], mine)) if chosen_by else some

        monkeypatch.setattr(folds, "train_fold", train)
        kept = KeptFolds(LocalFileSystem(), str(tmp_path))
        with suppress(KeyboardInterrupt):
            run_folds(real_lines.config(), data, lambda *told: found.append(told[:2]), saved, kept=kept)
        return trained, found

    monkeypatch.setattr(folds, "choose_for_all", lambda done, _: ({}, rows(np.ones(1, bool)), ""))
    before = go(None, last=3)
    after = go(fold([1]).checkpoint, last=4)
    assert before[0] == [1, 2, 3, 4]
    assert after[0] == ([1, 2, 3, 4] if chosen_by else [1, 4])
    assert after[1][:2] == before[1][1:], "the same scores, rows and seconds"
    assert len(after[1]) == 3
