"""Faults in a search, on a real local cluster: each time it goes on, and nothing is lost or scored twice."""

import json
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.search.driver import ENVIRONMENT, MAX_EPOCHS, Process, label_arguments, write_labels
from tests.search.machines.disk import SmallDisk
from tests.search.machines.nodes import name_of, nodes
from tests.search.tiny_search import tiny_search, write_tiny_space
from train.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow
EPOCHS = 4
TRIAL = "ray::ImplicitFunc"


def begin(
    data_dir: Path, folder: Path, *arguments: object, environment: Mapping[str, str] = ENVIRONMENT
) -> Process:
    """Start a search of one trial at a time."""
    labels = write_labels(data_dir, folder / "labels", 32, 12)
    return tiny_search(
        "--storage", folder, "--name", "hit", *label_arguments(labels), "--space", write_tiny_space(folder, EPOCHS),
        "--test-fraction", 0, "--max-epochs", MAX_EPOCHS, "--concurrent", 1, *arguments,
        environment=environment,
    )  # fmt: skip


def kill_trial(run: Process) -> None:
    """Kill the process in which a trial trains."""
    found = [process for process in run.descendants() if name_of(process).startswith(TRIAL)]
    assert found, "no trial runs"
    for process in found:
        process.send_signal(signal.SIGKILL)


def truncate(weights: Path) -> None:
    """Leave only the first half of a file."""
    content = weights.read_bytes()
    weights.write_bytes(content[: len(content) // 2])


def trials_of(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "hit" / "summary.json").read_text(encoding="utf-8"))["trials"])


def every_epoch_told_once(folder: Path) -> None:
    """Optuna has every trial once, with each of its epochs."""
    study = optuna.load_study(study_name="ocrtune", storage=f"sqlite:///{folder / 'hit' / 'optuna.db'}")
    asked = [trial for trial in study.trials if trial.state.name != "WAITING"]  # warm starts that had no turn
    assert {trial.state.name for trial in asked} == {"COMPLETE"}
    assert [sorted(trial.intermediate_values) for trial in asked] == [
        list(range(1, trial["epochs"] + 1)) for trial in trials_of(folder)
    ]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    small = SmallDisk(tmp_path / "disk")
    yield small
    small.close()


def test_a_search_survives_one_fault_after_the_other(data_dir: Path, disk: SmallDisk) -> None:
    """Its first trial is killed, then its checkpoints are damaged and it is killed again; then the disk is full."""
    study = disk.folder / "hit"
    at_once = {"TUNE_GLOBAL_CHECKPOINT_S": "0"}  # else the disk may be full before a trial's end is kept
    run = begin(data_dir, disk.folder, "--trials", 2, environment=ENVIRONMENT | at_once)
    run.wait_for(" epoch   1/")
    kill_trial(run)
    run.wait_for(" crashed ")
    run.wait_for(" epoch   3/")
    for weights in sorted(study.glob("*/checkpoint_*/checkpoint/state.npz"))[1:]:
        truncate(weights)
    kill_trial(run)
    run.wait_for(f" ended after epoch {EPOCHS}")
    run.wait_for(" epoch   1/", count=2)
    disk.fill()
    assert run.wait() == 3, run.output
    assert "make room" in run.output
    disk.make_room()

    resumed = tiny_search("--storage", disk.folder, "--name", "hit", "--resume")
    assert resumed.wait() == 0, resumed.output
    begun = next(line.partition("  ")[0] for line in run.lines if " starts: " in line)
    assert not any(line.startswith(f"{begun}  ") for line in resumed.lines), resumed.output
    trials = {trial["id"]: trial for trial in trials_of(disk.folder)}
    assert [(trial["state"], trial["epochs"]) for trial in trials.values()] == [("finished", EPOCHS)] * 2
    killed, killed_again, damaged = trials[begun]["notes"]
    assert "its process or its machine is gone" in killed
    assert "its process or its machine is gone" in killed_again
    assert "is damaged" in damaged
    assert damaged.endswith("goes on from checkpoint_000000, epoch 1")
    every_epoch_told_once(disk.folder)
    only_the_best_checkpoints_are_left(study)


def only_the_best_checkpoints_are_left(study: Path) -> None:
    summary = json.loads((study / "summary.json").read_text(encoding="utf-8"))
    for trial in summary["trials"]:
        [kept] = (study / trial["id"]).glob("checkpoint_*")
        assert load_checkpoint(kept / "checkpoint").metrics["accuracy"] == pytest.approx(trial["score"])
    files = [path for path in study.rglob("checkpoint_*/**/*") if path.is_file()]
    assert summary["disk"]["checkpoint_bytes"] == sum(path.stat().st_size for path in files)
    assert summary["disk"]["total_bytes"] > summary["disk"]["checkpoint_bytes"] > 0


def test_a_trial_whose_node_is_lost_goes_on_elsewhere(data_dir: Path, tmp_path: Path) -> None:
    with nodes(2) as cluster:
        run = begin(
            data_dir, tmp_path, "--trials", 1, environment=ENVIRONMENT | {"RAY_ADDRESS": cluster.address}
        )
        run.wait_for(" epoch   1/")
        cluster.lose(TRIAL)
        assert run.wait() == 0, run.output
    [trial] = trials_of(tmp_path)
    assert (trial["state"], trial["epochs"]) == ("finished", EPOCHS)
    [note] = trial["notes"]
    assert "its process or its machine is gone" in note
    every_epoch_told_once(tmp_path)
