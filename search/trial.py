"""One trial: the training loop inside a Ray Tune actor, reporting scores and checkpoints."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from train.checkpoint import Checkpoint, load_checkpoint
from train.config import config_from_mapping
from train.errors import DivergedError
from train.loop import Report, TrainingData, train


def lexicographic(exact_match: float, edit_similarity: float, lines: int) -> float:
    """Return one number that orders by exact match, ties by edit similarity: half a line is worth less than one."""
    return exact_match + edit_similarity / (2 * lines)


def run_trial(params: dict[str, Any], data: TrainingData) -> None:
    """Train what `params` say; the body of a Tune function, which continues from the trial's checkpoint."""
    from ray import tune

    config = config_from_mapping(params, "trial")
    saved = tune.get_checkpoint()
    resume = None
    if saved is not None:
        with saved.as_directory() as folder:
            resume = load_checkpoint(Path(folder) / "checkpoint")
    try:
        train(config, data, tune_report(len(data.val), resume), resume)
    except DivergedError as error:
        tune.report({"diverged": True, "reason": str(error), "epoch": 0, "score": 0.0, "best_score": 0.0})


def tune_report(lines: int, resume: Checkpoint | None) -> Report:
    """Return a report function that sends every epoch's metrics and checkpoint to Ray Tune."""
    from ray import tune

    best = resume.metrics.get("best_score", 0.0) if resume else 0.0

    def report(metrics: dict[str, float], checkpoint: Callable[[], Checkpoint]) -> None:
        nonlocal best
        score = lexicographic(metrics["exact_match"], metrics["edit_similarity"], lines)
        best = max(best, score)
        metrics |= {"score": score, "best_score": best}
        with tempfile.TemporaryDirectory() as folder:
            checkpoint().save(Path(folder) / "checkpoint")
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))

    return report
