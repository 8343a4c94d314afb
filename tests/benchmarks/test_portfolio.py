"""What `benchmarks/portfolio.py` says of recorded runs."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.searches.portfolio_choice import (
    Cell,
    Judged,
    Line,
    Run,
    agreement,
    beside,
    by,
    foretold,
    gain_over,
    judged,
    portfolio,
    read_runs,
    table_of,
    write_run,
)
from benchmarks.searches.portfolio_means import Mean, Trained, Weights, mean_of

FIRST, SECOND = Cell("vin", 50, 0), Cell("receipts", 50, 0)
USUAL = by("exact, then edit", "val")


def run(cell: Cell, setting: str, test: float, val: float | None = None, line: float = 0.5) -> Run:
    said = Judged(test if val is None else val, 0.5, line, line)
    return Run(cell, setting, {"epochs": 1}, 1, 1.0, said, said, replace(said, exact=test), ((0.1, 2.0),))


RUNS = [
    run(FIRST, "recipe", 0.5), run(FIRST, "fast", 0.8), run(FIRST, "slow", 0.4), run(FIRST, "even", 0.7),
    run(SECOND, "recipe", 0.5), run(SECOND, "fast", 0.3), run(SECOND, "slow", 0.8), run(SECOND, "even", 0.65),
]  # fmt: skip


def test_settings_that_complement_each_other_are_chosen_one_after_the_other() -> None:
    found = portfolio(table_of(RUNS), USUAL, 3)
    assert [name for name, _ in found] == ["even", "slow", "fast"]
    assert [worth for _, worth in found] == pytest.approx([0.675, 0.75, 0.8])
    (first, second) = beside(table_of(RUNS), USUAL, ["recipe", "slow"])
    assert (first["set"], first["chosen elsewhere"]) == ("receipts", pytest.approx(0.3)), (
        "of vin it knows fast alone"
    )
    assert (second["set"], second["given"]) == ("vin", pytest.approx(0.5))


def test_a_gain_is_told_with_its_interval_and_without_each_set() -> None:
    found = gain_over(table_of(RUNS), "even", "recipe")
    assert (found["cells"], found["gain"]) == (2, pytest.approx(0.175))
    assert found["least without a set"] == pytest.approx(0.15)
    assert found["low"] < 0 < found["high"], "two cells show nothing"


def test_a_judge_is_measured_by_the_pairs_that_it_orders_as_unseen_lines_do() -> None:
    runs = [run(FIRST, f"{n}", test=n / 10, val=0.5, line=n / 10) for n in range(4)]
    assert agreement(runs, USUAL) == 0.5, "validation ties"
    assert agreement(runs, by("exact, then line", "val")) == 1.0
    level = [run(SECOND, setting, test=0.5) for setting in ("recipe", "fast")]
    rows = foretold(table_of([*runs, *level]), "val")
    assert [row["agreement"] for row in rows[:2]] == [0.5, 1.0], "a cell without a difference does not count"


def test_a_label_that_cannot_be_written_is_impossible_not_left_out() -> None:
    said = judged([Line("AB", "AB", 2 * math.log(2)), Line("AÉ", "AE", math.inf)])
    assert said == Judged(exact=0.5, edit=0.75, line=0.125, character=0.25)


def test_runs_are_kept_as_they_were(tmp_path: Path) -> None:
    for one in RUNS:
        write_run(one, tmp_path / "runs.jsonl")
    assert table_of(read_runs(tmp_path / "runs.jsonl")).keys() == {FIRST, SECOND}
    assert [one.test for one in read_runs(tmp_path / "runs.jsonl")] == [one.test for one in RUNS]


def test_means_are_of_last_weights_or_of_later_epochs_on_the_way_from_the_start() -> None:
    def weights(value: float) -> Weights:
        return {"layer": np.array([value, -value], np.float32)}

    trained = {
        "a": Trained(run(FIRST, "a", 0.5), [weights(2), weights(4)]),
        "b": Trained(run(FIRST, "b", 0.5), [weights(6), weights(8)]),
    }
    for mean, value in (
        (Mean(("a", "b")), 6.0),
        (Mean(("a",), late=True), 3.0),
        (Mean(("a", "b"), share=0.25), 2.25),
        (Mean(("a",), share=0.0), 1.0),
    ):
        assert mean_of(mean, trained, weights(1))["layer"].tolist() == [value, -value]
