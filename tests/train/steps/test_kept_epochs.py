"""What a run of `train/run.py` keeps of its epochs."""

from pathlib import Path

from tests.real_lines import config
from train.checkpoint import Checkpoint, load_checkpoint
from train.data.charset import domain_charset
from train.steps.kept_epochs import BEST, LAST, keep_epochs
from train.steps.training_report import FILE, TrainingReport
from train.tasks.recognition import Recognition


def test_the_best_epoch_is_kept_by_exact_match_then_similarity(tmp_path: Path) -> None:
    report = keep_epochs(
        tmp_path, 5, TrainingReport(tmp_path / FILE, {}, 0, Recognition.scores.names), Recognition
    )
    settings, charset = config(), domain_charset(["A"])
    scores = [(0.0, 0.0, 9.0), (0.5, 0.6, 2.0), (0.5, 0.8, 3.0), (0.4, 0.99, 0.1), (0.5, 0.7, 0.5)]
    kept = []
    for epoch, (exact, similarity, loss) in enumerate(scores, 1):
        metrics = {"exact_match": exact, "edit_similarity": similarity, "loss": loss}
        metrics |= {"epoch": epoch, "epoch_seconds": 1.0, "cer": 1.0}
        report(metrics, lambda m=metrics, e=epoch: Checkpoint(settings, charset, e, m, {"weights": {}}))  # type: ignore[misc]
        kept.append(load_checkpoint(tmp_path / BEST).epoch)
        assert load_checkpoint(tmp_path / LAST).epoch == epoch
    assert kept == [1, 2, 3, 3, 3]
