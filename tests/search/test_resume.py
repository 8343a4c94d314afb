"""A search that is killed, and one that is interrupted, go on where they were.

It is of another task than reading: the same command, report, bundle and summary, in that task's own words.
"""

import json
import re
import shlex
import signal
import time
from pathlib import Path

import optuna
import pytest

from search.experiment.snapshot import SNAPSHOT
from search.storage.database import sqlite_url
from tests import real_lines
from tests.search.driver import ENVIRONMENT, MAX_EPOCHS, Process, label_arguments, write_labels
from tests.search.report.test_page import Page
from tests.search.tiny_search import Gate, tiny_search, write_tiny_space

pytestmark = pytest.mark.slow
EPOCHS, TRAIN, VAL, TEST = 6, 48, 16, 8
NAME, STORAGE = "\u8eca\u724c cut", "what?#%20{x}"
"""Any name works to the end, and any folder."""
REPORT = re.compile(
    rf"^(\w+)  tiny-orientation .* epoch +(\d+)/{EPOCHS} .* accuracy (\d\.\d+) .* best (\d\.\d+) "
)


def reports(run: Process) -> list[tuple[str, int, float, float]]:
    """Return (trial, epoch, accuracy, best so far) of every progress line."""
    found = [match.groups() for line in run.lines if (match := REPORT.match(line))]
    return [(trial, int(epoch), float(score), float(best)) for trial, epoch, score, best in found]


def test_a_killed_search_and_an_interrupted_one_go_on(data_dir: Path, tmp_path: Path) -> None:
    labels = write_labels(data_dir, tmp_path / "labels", TRAIN, VAL)
    storage, gate = tmp_path / STORAGE, Gate(tmp_path / "gate.json")
    environment = ENVIRONMENT | gate.environment
    study: list[object] = ["--storage", storage, "--name", NAME]
    gate.stop(after=2.5 * TRAIN)
    killed = tiny_search(
        *study, *label_arguments(labels), "--test-labels", write_test_labels(data_dir, labels),
        "--space", write_tiny_space(tmp_path, EPOCHS), "--max-epochs", MAX_EPOCHS,
        "--trials", 2, "--concurrent", 1, "--int8", environment=environment,
    )  # fmt: skip
    killed.wait_for(" epoch   1/")
    gate.stop(after=2.5 * TRAIN, free=(reports(killed)[0][0],))
    killed.wait_for(" epoch   1/", count=2)  # the first trial has ended
    gate.wait_until_stopped(killed)
    wait_for_snapshot(storage / NAME)
    killed.kill()
    before = reports(killed)
    first, second = dict.fromkeys(trial for trial, *_ in before)
    assert [(trial, epoch) for trial, epoch, *_ in before][: EPOCHS + 1] == [
        *((first, epoch) for epoch in range(1, EPOCHS + 1)),
        (second, 1),
    ]
    assert len(before) <= EPOCHS + 2, "the second trial was to be cut"

    changed_data_is_refused(study, labels / "rec_gt_train.txt")
    gate.stop(after=1.5 * TRAIN)
    interrupted = tiny_search(*study, "--resume", environment=environment)
    gate.wait_until_stopped(interrupted)
    interrupted.signal(signal.SIGINT)
    assert interrupted.wait() == 3, interrupted.output
    assert shlex.join(["--name", NAME, "--storage", str(storage), "--resume"]) in interrupted.output

    gate.open()
    resumed = tiny_search(*study, "--resume", environment=environment)
    assert resumed.wait() == 0, resumed.output
    after = reports(interrupted) + reports(resumed)
    assert {trial for trial, *_ in after} <= {second}, "a finished trial was trained again"
    assert min(epoch for _, epoch, *_ in after) > 1, "the unfinished trial began again"
    best = max(score for *_, score, _ in before)
    assert all(so_far >= best for *_, so_far in after)
    check_result(storage / NAME, first, second, before)
    check_scores_of_the_task(storage / NAME)
    check_words_of_the_task(storage / NAME, killed.output + resumed.output)
    check_bundle_of_the_task(storage / NAME, resumed.output)


def write_test_labels(data_dir: Path, folder: Path) -> Path:
    path = folder / "rec_gt_test.txt"
    samples = real_lines.samples(data_dir, split="val", count=VAL + TEST)[VAL:]
    path.write_text("".join(f"{one.path.resolve()}\t{one.text}\n" for one in samples), encoding="utf-8")
    return path


def changed_data_is_refused(study: list[object], labels: Path) -> None:
    whole = labels.read_text(encoding="utf-8")
    labels.write_text(whole.partition("\n")[2], encoding="utf-8")
    refused = tiny_search(*study, "--resume")
    assert refused.wait() == 2, refused.output
    assert f"data.train.samples: {TRAIN} -> {TRAIN - 1}" in refused.output
    assert f"--fork {shlex.quote(NAME)}" in refused.output
    labels.write_text(whole, encoding="utf-8")


def wait_for_snapshot(folder: Path) -> None:
    """Wait until another snapshot is written, of what Tune knows by now: that is what a killed search goes on from."""
    before, until = read_snapshot(folder), time.monotonic() + 300
    while read_snapshot(folder) == before:
        assert time.monotonic() < until, "no snapshot is written"
        time.sleep(0.05)


def read_snapshot(folder: Path) -> bytes:
    path = folder / SNAPSHOT
    return path.read_bytes() if path.exists() else b""


def check_result(folder: Path, first: str, second: str, before: list[tuple[str, int, float, float]]) -> None:
    """The table has every trial once, the finished one with the scores that it had."""
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    trials = {trial["id"]: trial for trial in summary["trials"]}
    assert (trials.keys(), len(summary["trials"])) == ({first, second}, 2)
    assert {(trial["state"], trial["epochs"]) for trial in trials.values()} == {("finished", EPOCHS)}
    kept = max(score for trial, _, score, _ in before if trial == first)
    assert trials[first]["score"] == pytest.approx(kept, abs=0.001)
    study = optuna.load_study(study_name="ocrtune", storage=sqlite_url(folder / "optuna.db"))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE"]
    assert [sorted(trial.intermediate_values) for trial in study.trials] == [list(range(1, EPOCHS + 1))] * 2
    assert (folder / "best" / "inference.onnx").is_file()
    assert list(folder.glob("*/events.out.tfevents*")), "TensorBoard has nothing to show"


def check_scores_of_the_task(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text("utf-8"))
    assert summary["task"] == "orientation"
    [baseline] = summary["baselines"]
    assert baseline.keys() >= {"n", "accuracy", "confidence", "interval_95", "untrained"}
    assert (summary["best"]["n"], summary["test"]["best"]["n"]) == (VAL, TEST)
    assert summary["best"]["accuracy"] >= max(trial["score"] for trial in summary["trials"])
    assert "exact_match" not in json.dumps(summary)
    others = summary["general"]["comparison"]["best"]
    assert others["n"] == 300, "lines of other kinds are drawn: they show whether these are all that it knows"


def check_words_of_the_task(folder: Path, output: str) -> None:
    assert "baseline: tiny-orientation, random weights" in output
    assert "exact" not in output
    page = Page((folder / "report.html").read_text("utf-8"))
    words = " ".join(page.terms)
    assert page.open == []
    assert "accuracy on the validation lines" in words
    assert "exact match" not in words
    assert "lines whose direction is told right" in words


def check_bundle_of_the_task(folder: Path, output: str) -> None:
    """What was asked of 8 bits before the kill is done at the end."""
    manifest = json.loads((folder / "best" / "manifest.json").read_text("utf-8"))
    assert (manifest["task"], manifest["geometry"]) == ("orientation", {"height_px": 80, "width_px": 160})
    assert "accuracy" in manifest["metrics"]
    assert manifest["parity"]["differing"] == 0
    asked = json.loads((folder / "summary.json").read_text("utf-8"))["int8"]
    assert asked["added"] == (manifest["int8"] is not None)
    assert asked["said"] in output
    assert asked["measured"].items() <= (manifest["int8"] or asked["measured"]).items()
