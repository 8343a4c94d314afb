"""Faults in a search, on a real cluster: each time it goes on, and nothing is lost or scored twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.search.driver import ENVIRONMENT, MAX_EPOCHS, label_arguments, write_labels
from tests.search.machines.disk import SmallDisk
from tests.search.machines.nodes import nodes
from tests.search.tiny_search import Gate, tiny_search, write_tiny_space
from train.checkpoint import load_checkpoint

pytestmark = pytest.mark.slow
EPOCHS, LINES = 4, 32
TRIAL = "ray::ImplicitFunc"


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


def test_a_search_survives_one_fault_after_the_other(data_dir: Path, tmp_path: Path, disk: SmallDisk) -> None:
    """The first trial's node is lost, then its checkpoints are damaged and it is killed; then the disk is full.

    A gate stops each process of a trial in an epoch: Tune knows the checkpoints of all those before.
    """
    study, gate = disk.folder / "hit", Gate(tmp_path / "gate.json")
    labels = write_labels(data_dir, tmp_path / "labels", LINES, 12)
    where = ["--storage", disk.folder, "--name", "hit"]
    how = ["--test-fraction", 0, "--max-epochs", MAX_EPOCHS, "--concurrent", 1, "--trials", 2]
    with nodes(2) as cluster:
        # Else the disk may be full before a trial's end is kept.
        at_once = {"TUNE_GLOBAL_CHECKPOINT_S": "0", "RAY_ADDRESS": cluster.address}
        environment = ENVIRONMENT | at_once | gate.environment
        gate.stop(after=1.5 * LINES)
        run = tiny_search(
            *where, *label_arguments(labels), "--space", write_tiny_space(tmp_path, EPOCHS), *how,
            environment=environment,
        )  # fmt: skip
        gate.wait_until_stopped(run)
        cluster.lose(TRIAL)
        run.wait_for(" crashed ")
        gate.stop(after=2.5 * LINES)  # it goes on after its first epoch
        gate.wait_until_stopped(run)
        for weights in sorted(study.glob("*/checkpoint_*/checkpoint/state.npz"))[1:]:
            truncate(weights)
        cluster.kill(TRIAL)
        gate.stop(after=3.5 * LINES)  # once more: enough for its end, and too little for the second trial's
        gate.wait_until_stopped(run)
        disk.fill()
        gate.open()
        assert run.wait() == 3, run.output
        assert "make room" in run.output
        disk.make_room()

        resumed = tiny_search(*where, "--resume", environment=environment)
        assert resumed.wait() == 0, resumed.output
    begun = next(line.partition("  ")[0] for line in run.lines if " starts: " in line)
    assert not any(line.startswith(f"{begun}  ") for line in resumed.lines), resumed.output
    trials = {trial["id"]: trial for trial in trials_of(disk.folder)}
    assert [(trial["state"], trial["epochs"]) for trial in trials.values()] == [("finished", EPOCHS)] * 2
    lost, killed, damaged = trials[begun]["notes"]
    assert "its process or its machine is gone" in lost
    assert "its process or its machine is gone" in killed
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
