"""A search that is killed, and one that is interrupted, go on where they were."""

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
from tests.search.driver import MAX_EPOCHS, Process, label_arguments, write_labels
from tests.search.tiny_search import tiny_search, write_tiny_space

pytestmark = pytest.mark.slow
EPOCHS = 6
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
    labels = write_labels(data_dir, tmp_path / "labels", 48, 16)
    storage = tmp_path / STORAGE
    study: list[object] = ["--storage", storage, "--name", NAME]
    killed = tiny_search(
        *study, *label_arguments(labels), "--space", write_tiny_space(tmp_path, EPOCHS), "--test-fraction", 0,
        "--max-epochs", MAX_EPOCHS, "--trials", 2, "--concurrent", 1,
    )  # fmt: skip
    killed.wait_for(" epoch   1/", count=2)
    wait_for_snapshot(storage / NAME)
    killed.kill()
    before = reports(killed)
    first, second = dict.fromkeys(trial for trial, *_ in before)
    assert [(trial, epoch) for trial, epoch, *_ in before][: EPOCHS + 1] == [
        *((first, epoch) for epoch in range(1, EPOCHS + 1)),
        (second, 1),
    ]
    assert len(before) < 2 * EPOCHS, "the second trial was to be cut"

    changed_data_is_refused(study, labels / "rec_gt_train.txt")
    interrupted = tiny_search(*study, "--resume")
    interrupted.wait_for(f"/{EPOCHS} ")
    interrupted.signal(signal.SIGINT)
    assert interrupted.wait() == 3, interrupted.output
    assert shlex.join(["--name", NAME, "--storage", str(storage), "--resume"]) in interrupted.output

    resumed = tiny_search(*study, "--resume")
    assert resumed.wait() == 0, resumed.output
    after = reports(interrupted) + reports(resumed)
    assert {trial for trial, *_ in after} <= {second}, "a finished trial was trained again"
    assert min(epoch for _, epoch, *_ in after) > 1, "the unfinished trial began again"
    best = max(score for *_, score, _ in before)
    assert all(so_far >= best for *_, so_far in after)
    check_result(storage / NAME, first, second, before)


def changed_data_is_refused(study: list[object], labels: Path) -> None:
    whole = labels.read_text(encoding="utf-8")
    labels.write_text(whole.partition("\n")[2], encoding="utf-8")
    refused = tiny_search(*study, "--resume")
    assert refused.wait() == 2, refused.output
    assert "data.train.samples: 48 -> 47" in refused.output
    assert f"--fork {shlex.quote(NAME)}" in refused.output
    labels.write_text(whole, encoding="utf-8")


def wait_for_snapshot(folder: Path) -> None:
    """Wait until what has been reported by now is written down: that is what a killed search goes on from."""
    reported = time.time() + 0.2  # what is printed now is in Tune's hands by then
    until = reported + 60
    while max((path.stat().st_mtime for path in folder.glob(SNAPSHOT)), default=0.0) < reported:
        assert time.time() < until, "no snapshot is written"
        time.sleep(0.05)


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
