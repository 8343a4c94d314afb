"""The job of a retraining, run as a process: its steps, its progress, its end.

Real ones, on a cluster, run in `tests/serve/lifecycle/test_retraining.py`.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from serve.loop.retrain_job import find_reason, read_progress
from serve.loop.retrain_plan import ROOT
from serve.loop.verdict import compare, describe_scores

SCORES = {"n": 4, "exact_match": 0.5, "edit_similarity": 0.9, "cer": 0.1, "charset_rule": "as-labelled"}


def step(
    code: str, name: str = "training", output: str = "training.txt", leaves: str | None = None
) -> dict[str, Any]:
    command = [sys.executable, "-c", code]
    return {"name": name, "command": command, "output": output, "end": 0.9, "leaves": leaves}


def write_comparison(
    folder: Path,
    new: dict[str, Any],
    wrong: Iterable[object],
    wrong_before: Iterable[object],
    prefix: str = "",
) -> None:
    for name, scores, misread in (("new", new, wrong), ("serving", {}, wrong_before)):
        (folder / f"{prefix}{name}.json").write_text(json.dumps(SCORES | scores), encoding="utf-8")
        rows = "".join(f"{image}.png\tA\tB\t0.5\n" for image in misread)
        (folder / f"{prefix}{name}.tsv").write_text(
            f"image\tlabel\treading\tconfidence\n{rows}", encoding="utf-8"
        )


def run(folder: Path, *steps: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    job = {"steps": steps, "seconds": None, "bundle": str(folder / "bundle")}
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(ROOT / "serve" / "loop" / "retrain_job.py"), str(folder)], cwd="/", check=False
    )
    return done.returncode, json.loads((folder / "state.json").read_bytes())


def test_steps_run_and_the_models_are_compared(tmp_path: Path) -> None:
    write_comparison(tmp_path, {"exact_match": 0.75}, "a", "bc")
    bundle = str(tmp_path / "bundle")
    code = f"print('epoch   1/2  loss 3'); print('epoch   2/2'); import os; os.mkdir({bundle!r})"
    status, state = run(
        tmp_path,
        step("", "drawing", "drawing.txt"),
        step(code, leaves=bundle),
        step("", "reading", "reading.txt"),
    )
    assert status == 0
    assert (state["state"], state["progress"]) == ("finished", 1.0)
    assert state["message"] == (
        "better: reads 3 of 4 held-back lines right, the serving model 2; what else it read before was not compared"
    )
    assert state["scores"]["fixed"] == 2
    assert (tmp_path / "training.txt").read_text().count("epoch") == 2


def test_a_failing_step_ends_it_with_its_error(tmp_path: Path) -> None:
    code = "import sys; print('epoch 1/2'); sys.exit('error: a technique must be known, got x; choose from: full')"
    status, state = run(tmp_path, step(code), step("open('never', 'w')"))
    assert status == 1
    assert state["state"] == "failed"
    assert state["message"] == "training: a technique must be known, got x; choose from: full"


def test_a_silent_failure_has_its_exit_status(tmp_path: Path) -> None:
    status, state = run(tmp_path, step("import sys; sys.exit(3)"))
    assert (status, state["message"]) == (3, "training: exit status 3")


def test_a_search_without_a_winner_has_failed(tmp_path: Path) -> None:
    status, state = run(tmp_path, step("", leaves=str(tmp_path / "bundle")), step("open('never', 'w')"))
    assert (status, state["state"]) == (1, "failed")
    assert "more time" in state["message"]


def test_the_reason_is_the_error_before_what_follows_it(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("error: bad\nbye\n", encoding="utf-8")
    (tmp_path / "errors.txt").write_bytes(b"some warning of no encoding: \xff\n")
    assert find_reason(tmp_path, "out", 1) == "bad"


@pytest.mark.parametrize(
    ("new", "better"),
    [
        ({}, False),
        ({"exact_match": 0.75, "edit_similarity": 0.1}, True),
        ({"edit_similarity": 0.95}, True),
        ({"exact_match": 0.25, "edit_similarity": 1.0}, False),
        ({"exact_match": 0.0, "edit_similarity": 1.0}, False),
    ],
)
def test_better_is_by_exact_match_then_by_similarity(
    tmp_path: Path, new: dict[str, Any], better: bool
) -> None:
    write_comparison(tmp_path, new, "ab", "bc")
    scores = compare(tmp_path)
    assert scores["better"] == better
    assert (scores["fixed"], scores["broken"]) == (1, 1)


def test_nothing_read_right_is_never_better(tmp_path: Path) -> None:
    write_comparison(tmp_path, {"exact_match": 0.0, "edit_similarity": 0.5}, "abcd", "abcd")
    serving = SCORES | {"exact_match": 0.0, "edit_similarity": 0.1}
    (tmp_path / "serving.json").write_text(json.dumps(serving), encoding="utf-8")
    assert not compare(tmp_path)["better"]


@pytest.mark.parametrize(
    ("wrong", "wrong_before", "kept"),
    [
        (range(10), range(10), True),
        (range(12), range(10), True),
        (range(10), range(14), True),
        (range(30), range(10), False),
        (range(25), range(5, 20), False),  # 10 lost, none won
        (range(150, 200), range(150, 200), True),
        (range(105), range(100), False),  # 5 of the 100 that were read
        (range(200), range(200), False),  # nothing was read well before
    ],
)
def test_what_was_read_before_is_kept_where_that_is_shown(
    tmp_path: Path, wrong: range, wrong_before: range, kept: bool
) -> None:
    write_comparison(tmp_path, {"exact_match": 0.75}, "a", "bc")
    write_comparison(tmp_path, {"n": 200}, wrong, wrong_before, "general_")
    scores = compare(tmp_path)
    assert scores["kept"] == kept
    assert scores["general"]["lost"] == len(set(wrong) - set(wrong_before))
    said = f"{200 - len(wrong)} of 200 general lines, the serving model {200 - len(wrong_before)}"
    assert said in describe_scores(scores)
    assert ("not shown to read as well" in describe_scores(scores)) != kept


@pytest.mark.parametrize(
    ("line", "elapsed", "seconds", "share"),
    [
        ("epoch   3/12  loss", 5.0, None, 0.25),
        ("t1 lr 1e-3 epoch   3/12 best", 30.0, 120.0, 0.25),
        ("t1 epoch 3/12", 300.0, 120.0, 1.0),
        ("data: train 12 lines", 5.0, None, None),
    ],
)
def test_a_line_of_the_log_tells_the_share_that_is_done(
    line: str, elapsed: float, seconds: float | None, share: float | None
) -> None:
    assert read_progress(line, elapsed, seconds) == share
