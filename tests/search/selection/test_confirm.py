"""The best trials trained again: what the budget allows, what is chosen, and that it is really other training."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from search.planning.budget import check_confirm, choose_runs, limit_finalists, reserve_confirmation
from search.records.evidence import Evidence
from search.report.page.page import report_html
from search.report.summary import summary
from search.report.terminal import terminal_table
from search.selection.confirm import (
    LATE,
    Retraining,
    Run,
    confirm,
    keep_comparable,
    summarise_runs,
    train_again,
)
from search.settings import StudySettings
from tests import real_lines
from tests.search.made_result import image_of, result, rows, trial
from train.checkpoint import Checkpoint
from train.data.charset import Charset
from train.errors import UsageError


def settings(**others: Any) -> StudySettings:
    return StudySettings(name="some", storage="runs", **others)


def test_how_many_may_be_trained_again() -> None:
    assert limit_finalists(settings(time_budget_s=600), 5) == 3
    assert [limit_finalists(settings(), trials) for trials in (2, 8, 32)] == [0, 1, 3]
    assert limit_finalists(settings(confirm=5), 2) == 5
    assert limit_finalists(settings(confirm=0, time_budget_s=600), 30) == 0
    assert limit_finalists(settings(scheduler="pbt"), 30) == 0
    assert limit_finalists(settings(workers=2), 30) == 0


@pytest.mark.parametrize("others", [{"scheduler": "pbt"}, {"workers": 2}])
def test_what_cannot_be_trained_again_is_refused(others: dict[str, Any]) -> None:
    check_confirm(settings(**others))
    with pytest.raises(UsageError, match="--confirm trains"):
        check_confirm(settings(confirm=1, **others))


def test_a_reserve_never_takes_more_than_its_share_and_nothing_that_it_cannot_use() -> None:
    long = settings(time_budget_s=7200)
    assert reserve_confirmation(long, 7000, 60, 2) == pytest.approx(15 + 1.1 * 60 * 3)
    assert reserve_confirmation(long, 1000, 100, 2) == 200
    assert reserve_confirmation(long, 200, 100, 2) == 0, "no two runs fit into a fifth"
    assert reserve_confirmation(settings(time_budget_s=200, confirm=3), 400, 100, 2) == 160
    assert reserve_confirmation(settings(time_budget_s=7200, confirm=0), 7000, 60, 2) == 0


@pytest.mark.parametrize(
    ("remaining", "runs"),
    [(None, (3, 2)), (400, (3, 2)), (300, (2, 2)), (190, (1, 2)), (130, (1, 2)), (100, (0, 0)), (-5, (0, 0))],
)
def test_as_many_runs_as_fit_are_made(remaining: float | None, runs: tuple[int, int]) -> None:
    assert choose_runs([100, 100, 100], remaining, 2) == runs
    assert choose_runs([], remaining, 2) == (0, 0)


def test_a_third_run_on_two_places_waits_for_one_of_them() -> None:
    assert choose_runs([100, 50, 50], 130, 2) == (3, 1)
    assert choose_runs([50, 50, 100], 130, 2) != (3, 1)


def run(seed: int, right: list[int]) -> Run:
    share, config = sum(right) / len(right), real_lines.config(seed=seed)
    checkpoint = Checkpoint(config, Charset(("0",)), 1, {"exact_match": share}, {"weights": {}})
    return Run(seed, (share, share, 0.9), rows(np.array(right, bool)), checkpoint)


def test_the_mean_counts_and_a_failed_run_is_no_score() -> None:
    runs = (run(1, [1, 1, 0, 0]), run(2, [1, 1, 1, 0]))
    kept = summarise_runs(trial(0), runs, 0)
    found = kept.confirmation
    assert kept.runs == runs
    assert (found.mean, found.scores, found.seeds) == (0.625, (0.5, 0.75), (1, 2))
    assert found.interval
    assert found.interval.low < 0.625 < found.interval.high
    lost = summarise_runs(trial(1), [run(1, [1, 1, 1, 1]), "the loss became NaN"], 0)
    broken = lost.confirmation
    assert not lost.runs
    assert (broken.mean, broken.failed) == (None, ("the loss became NaN",))
    assert broken.rank < found.rank


def test_a_seed_that_one_finalist_had_no_time_for_counts_for_none() -> None:
    """The better one is not to lose for want of time, and one whose loss exploded has failed."""
    one, two, three, broken = run(1, [1, 1]), run(1, [1, 0]), run(2, [0, 0]), "the loss became NaN"
    outcomes = {("b", 2): three, ("a", 2): LATE, ("a", 1): one, ("b", 1): two}
    assert keep_comparable(outcomes) == {"a": [one], "b": [two]}
    assert keep_comparable({**outcomes, ("b", 1): LATE}) == {"a": [LATE], "b": [LATE]}
    assert keep_comparable({**outcomes, ("a", 2): broken}) == {"a": [one, broken], "b": [two, three]}
    late = {**outcomes, ("a", 2): broken, ("b", 2): LATE}
    assert keep_comparable(late) == {"a": [one, broken], "b": [two]}


def test_the_chosen_trial_is_the_winner_everywhere() -> None:
    plain = result()
    second = plain.ranked[1]
    found = summarise_runs(second, [run(1, [1, 1, 0, 0]), run(2, [1, 1, 1, 0])], 0).confirmation
    lost = summarise_runs(plain.ranked[0], [run(1, [1, 0, 0, 0]), run(2, [1, 0, 0, 0])], 0).confirmation
    chosen = plain.model_copy(update={"evidence": Evidence(confirmations=(found, lost), chosen=second.id)})
    assert chosen.winner == second != plain.winner
    assert chosen.evidence.confirmed == found
    said = summary(chosen)["best"]
    assert (said["trial"], said["confirmed"]["mean"], said["selected_score"]) == (
        second.id,
        0.625,
        second.score,
    )
    assert summary(plain)["best"]["confirmed"] is None
    assert "trained again to epoch" in terminal_table(chosen)
    page = report_html(chosen, image_of)
    assert "Trained again" in page
    assert "62.5 %" in page
    assert "Trained again" not in report_html(plain, image_of)


@pytest.mark.parametrize(
    ("averaged", "said"),
    [
        (("a",), None),
        (("untouched",), "No trial reads better than its start"),
        (("a", "b"), "the average of a and b."),
        (("a", "a (seed 8)", "b"), "the average of a, a (seed 8) and b."),
    ],
)
def test_the_table_says_what_was_averaged(averaged: tuple[str, ...], said: str | None) -> None:
    table = terminal_table(result().model_copy(update={"averaged": averaged}))
    assert said in table if said else "average of" not in table


@pytest.mark.slow
def test_candidates_are_trained_again_with_other_seeds(data_dir: Path, local_cluster: None) -> None:
    data = real_lines.few_lines(data_dir, train=8, val=4)
    records = [
        trial(index, epochs=2).model_copy(update={"config": real_lines.config(epochs=3, seed=7)})
        for index in (0, 1)
    ]
    retraining = Retraining(ray.put(data), {"CPU": 1}, None, 1, None, 1)
    found = confirm(records, retraining, 0)
    late = confirm(records, Retraining(ray.put(data), {"CPU": 1}, time.time() + 5, 1, None, 1), 0)
    assert [one.confirmation.seeds for one in found] == [(8, 9)]
    assert [one.checkpoint.config.seed for one in found[0].runs] == [8, 9]
    assert not late, "no time for two runs"
    best = records[0].best
    assert best is not None
    same = train_again(records[0].config.model_copy(update={"seed": 8}), best.epoch, data, None)
    assert isinstance(same, Run)
    assert same.rank[1] == found[0].confirmation.scores[0]
    assert same.checkpoint.state.keys() == {"weights"}
    for name, array in same.checkpoint.weights.items():
        np.testing.assert_array_equal(array, found[0].runs[0].checkpoint.weights[name])
