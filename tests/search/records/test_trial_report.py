"""A report is the same on both sides of Tune and of the journal."""

import json
from dataclasses import replace

import pytest

from search.records.ranking import Forgotten
from search.records.trial_report import FoldReport, Origin, Stamp, TrialReport
from search.storage.journal import keep_plain
from train.config import TrialConfig

METRICS = {"epoch": 3, "loss": 1.5, "exact_match": 0.5, "best_epoch": 2, "epochs": 12, "epoch_seconds": 4.0}
EPOCH = TrialReport(METRICS, 0.51, 0.6, micro_batches=2, note="crashed")
# What Tune adds: its own columns, and those that nobody reads.
TUNES = {
    "time_total_s": 9.0, "timestamp": 1_700_000_000, "time_this_iter_s": 3.0, "checkpoint_dir_name": "checkpoint_1",
    "done": False, "trial_id": "a", "config": {"batch_size": 4}, "unknown": float("nan"),
}  # fmt: skip


@pytest.mark.parametrize(
    "report",
    [
        EPOCH,
        replace(EPOCH, forgotten=Forgotten(-0.25, 0.0)),
        replace(EPOCH, fold=FoldReport(3, 5, 40, "[[1.0, 0.0]]")),
        replace(EPOCH, fold=FoldReport(3, 5, 40, "[[1.0, 0.0]]", TrialConfig().model_dump_json())),
        replace(EPOCH, origin=Origin("b/checkpoint_2", TrialConfig().model_dump_json())),
        TrialReport.of_diverged("the loss became NaN"),
    ],
)
def test_a_report_is_read_back_as_it_was_sent(report: TrialReport) -> None:
    row = json.loads(json.dumps(keep_plain({**report.to_row(), **TUNES})))
    found = TrialReport.from_row(row)
    assert found == replace(report, stamp=Stamp(9.0, 1_700_000_000, 3.0, "checkpoint_1"))


def test_the_names_of_the_columns_are_those_of_earlier_studies() -> None:
    told = replace(
        EPOCH,
        forgotten=Forgotten(0.1, 0.0),
        fold=FoldReport(3, 5, 40, "[[1.0]]"),
        origin=Origin("", TrialConfig().model_dump_json()),
    )
    assert told.to_row().keys() - METRICS.keys() == {
        "score", "best_score", "parts", "note", "forgetting", "excess", "fold", "folds", "samples", "fold_rows",
        "copied_from", "trained_with",
    }  # fmt: skip
    diverged = TrialReport.of_diverged("why").to_row()
    assert diverged == {"diverged": True, "reason": "why", "epoch": 0, "score": -2.0, "best_score": -2.0}


def test_a_checkpoint_keeps_what_a_trial_that_goes_on_has_to_know() -> None:
    kept = replace(EPOCH, forgotten=Forgotten(0.1, 0.0)).checkpoint_metrics
    assert kept == {"score": 0.51, "best_score": 0.6, "parts": 2, "forgetting": 0.1, "excess": 0.0}
