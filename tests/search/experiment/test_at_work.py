"""What is said of a search at work: from its state to lines."""

import re
import time

import pytest

from search.experiment import live
from search.experiment.at_work import MOST, AtWork, format_item, format_live_lines, format_plain_line
from train.steps.position import Position

TRAINING = AtWork("training", 1000.0, 1260.0, ("a epoch 1/9, batch 2/3", "b before its first batch"))


def test_a_file_gets_one_plain_line() -> None:
    line = format_plain_line(TRAINING, 1079.6)
    assert line == "at work: training, 1:20, 3:00 left: a epoch 1/9, batch 2/3; b before its first batch"
    assert format_plain_line(AtWork("planning", 0.0), 5.0) == "at work: planning, 0:05"


def test_a_file_is_told_of_what_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(live, "SOON_S", 0.0)
    monkeypatch.setattr(live, "POLL_S", 0.01)
    monkeypatch.setattr(live, "read_positions", lambda trials: dict.fromkeys(trials, Position(1, 9, 2, 3)))
    printed, until = "", time.monotonic() + 60
    with live.shown():
        live.show_stage("training")
        live.show_trials(["a"])
        while "\n" not in printed.partition("a epoch")[2] and time.monotonic() < until:
            time.sleep(0.01)
            printed += capsys.readouterr().out
    assert re.search(r"^at work: training, \d+:\d\d: a epoch 1/9, batch 2/3$", printed, re.MULTILINE)


def test_a_terminal_gets_a_line_for_each_but_not_more_than_fit() -> None:
    assert format_live_lines(TRAINING, 1000.0)[1:] == [
        "  a epoch 1/9, batch 2/3",
        "  b before its first batch",
    ]
    many = AtWork("training", 0.0, None, [f"trial {number}" for number in range(MOST + 3)])
    assert format_live_lines(many, 0.0)[MOST:] == [f"  trial {MOST - 1}", "  and 3 more"]


def test_a_deadline_that_has_passed_leaves_no_time() -> None:
    assert "0:00 left" in format_plain_line(TRAINING, 2000.0)


def test_a_trial_says_its_batch_its_fold_and_when_it_validates() -> None:
    assert format_item("t", None) == "t before its first batch"
    assert format_item("t", Position(3, 12, 17, 29)) == "t epoch 3/12, batch 17/29"
    assert format_item("t", Position(1, 4, 2, 9, fold=2, folds=5)) == "t fold 2/5, epoch 1/4, batch 2/9"
    assert format_item("t", Position(3, 12, 29, 29)) == "t epoch 3/12, all batches done, validates"
