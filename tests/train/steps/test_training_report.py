"""training_report.json: what it says of a run, while it goes on and however it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.real_lines import samples
from train import run as command
from train.bundle import load_bundle
from train.errors import DivergedError, StorageError
from train.scoring.texts import TextScores
from train.steps.training_report import FILE, TrainingReport, reporting_the_end

KEYS = {
    "status", "timestamp", "samples_used", "train_samples", "val_samples", "epochs", "batch_size",
    "learning_rate", "device", "vocab_size", "final_train_loss", "final_val_loss", "final_val_accuracy",
    "best_val_accuracy", "model_path", "history_summary",
}  # fmt: skip


def metrics(epoch: int, exact: float, val_loss: float | None = 1.0) -> dict[str, float]:
    found = {"epoch": epoch, "loss": 2.0, "exact_match": exact, "edit_similarity": 0.5, "cer": 0.5}
    return found | {"epoch_seconds": 1.0} | ({} if val_loss is None else {"val_loss": val_loss})


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_it_is_up_to_date_after_every_epoch(tmp_path: Path) -> None:
    report = TrainingReport(tmp_path / "deep" / FILE, {"epochs": 3}, after_epoch=0, names=TextScores.names)
    for epoch, exact in enumerate((0.1, 0.4, 0.2), 1):
        report.add(metrics(epoch, exact))
        assert read(tmp_path / "deep" / FILE)["epochs_trained"] == epoch
    found = read(tmp_path / "deep" / FILE)
    assert (found["status"], found["model_path"]) == ("running", None)
    assert (found["best_val_accuracy"], found["best_epoch"], found["final_val_accuracy"]) == (0.4, 2, 0.2)
    assert [row["val_accuracy"] for row in found["history_summary"]] == [0.1, 0.4, 0.2]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [FILE]


def test_a_loss_that_there_is_not_is_null(tmp_path: Path) -> None:
    report = TrainingReport(tmp_path / FILE, {}, after_epoch=0, names=TextScores.names)
    report.add(metrics(1, 0.1, val_loss=None))
    assert read(tmp_path / FILE)["final_val_loss"] is None


def test_a_resumed_run_keeps_the_history_up_to_its_checkpoint(tmp_path: Path) -> None:
    first = TrainingReport(tmp_path / FILE, {}, after_epoch=0, names=TextScores.names)
    for epoch in (1, 2, 3):
        first.add(metrics(epoch, 0.1 * epoch))
    again = TrainingReport(tmp_path / FILE, {}, after_epoch=2, names=TextScores.names)
    again.add(metrics(3, 0.9))
    assert [row["val_accuracy"] for row in read(tmp_path / FILE)["history_summary"]] == [0.1, 0.2, 0.9]


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (KeyboardInterrupt(), "interrupted", None),
        (
            DivergedError("loss must be finite", "nan", "lower it"),
            "failed",
            "loss must be finite, got nan; lower it",
        ),
        (MemoryError(), "failed", "MemoryError"),
        (
            StorageError("there must be room", "none", "make room, and --resume"),
            "interrupted",
            "there must be room, got none; make room, and --resume",
        ),
    ],
)
def test_a_run_that_ends_early_says_how(
    error: BaseException, status: str, reason: str | None, tmp_path: Path
) -> None:
    report = TrainingReport(tmp_path / FILE, {}, after_epoch=0, names=TextScores.names)
    report.add(metrics(1, 0.1))
    with pytest.raises(type(error)), reporting_the_end(report):
        raise error
    found = read(tmp_path / FILE)
    assert (found["status"], found["reason"], found["epochs_trained"]) == (status, reason, 1)


def test_a_report_that_cannot_be_written_hides_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    report = TrainingReport(tmp_path / "file" / FILE, {}, after_epoch=0, names=TextScores.names)
    with pytest.raises(DivergedError), reporting_the_end(report):
        raise DivergedError("loss must be finite", "nan", "lower it")


@pytest.mark.slow
def test_a_run_leaves_a_whole_report_beside_its_bundle(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split, count in (("train", 12), ("val", 6)):
        lines = [f"{s.path}\t{s.text}" for s in samples(data_dir, split=split, count=count)]
        (tmp_path / f"rec_gt_{split}.txt").write_text("\n".join(lines), "utf-8")
    settings = {"model": "crnn", "engine": "torch", "epochs": 2, "batch_size": 4, "batch_norm": "live"}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    output = tmp_path / "out"
    options = ["--data", str(tmp_path), "--config", str(tmp_path / "config.yaml"), "--test-fraction", "0"]
    command.main([*options, "--output", str(output)])
    assert "crnn starts from random weights: it is trained from scratch" in capsys.readouterr().out
    found = read(output / FILE)
    assert found.keys() >= KEYS
    assert (found["status"], found["from_scratch"]) == ("completed", True)
    assert (found["train_samples"], found["val_samples"], found["samples_used"]) == (12, 6, 18)
    bundle = load_bundle(Path(found["model_path"]))
    assert found["vocab_size"] == len(bundle.charset.characters)
    assert [row["epoch"] for row in found["history_summary"]] == [1, 2]
    assert found["final_val_loss"] == found["history_summary"][-1]["val_loss"] > 0
    assert found["best_val_accuracy"] == bundle.manifest.metrics["exact_match"]
