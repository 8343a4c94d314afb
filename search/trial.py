"""One trial: the training loop inside a Ray Tune actor, reporting scores and checkpoints."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune

from search.workers import CHECKPOINT_FOLDER, WorkerGroup, train_on_workers
from train.checkpoint import Checkpoint, load_checkpoint
from train.config import config_from_mapping
from train.errors import DivergedError
from train.loop import Report, TrainingData, train


def lexicographic(exact_match: float, edit_similarity: float, lines: int) -> float:
    """Return one number that orders by exact match, ties by edit similarity: half a line is worth less than one."""
    return exact_match + edit_similarity / (2 * lines)


@dataclass(frozen=True)
class TrialSetup:
    """What every trial of a study shares.

    Attributes:
        data: reference to the study's TrainingData; wrapped here, as Tune would copy out a bare one.
        group: the workers of a trial; None to train in the trial's own process.
    """

    data: ray.ObjectRef
    group: WorkerGroup | None


def run_trial(params: dict[str, Any], setup: TrialSetup) -> None:
    """Train what `params` say; the body of a Tune function, which continues from the trial's checkpoint."""
    config = config_from_mapping(params, "trial")
    saved = tune.get_checkpoint()
    resume = None
    if saved is not None:
        with saved.as_directory() as folder:
            resume = load_checkpoint(Path(folder) / CHECKPOINT_FOLDER)
    data: TrainingData = ray.get(setup.data)
    report = tune_report(len(data.val), resume)
    try:
        if setup.group is None:
            train(config, data, report, resume)
        else:
            train_on_workers(config, setup.data, report, resume, setup.group)
    except DivergedError as error:
        tune.report({"diverged": True, "reason": str(error), "epoch": 0, "score": 0.0, "best_score": 0.0})


def tune_report(lines: int, resume: Checkpoint | None) -> Report:
    """Return a report function that sends every epoch's metrics and checkpoint to Ray Tune."""
    best = resume.metrics.get("best_score", 0.0) if resume else 0.0

    def report(metrics: dict[str, float], checkpoint: Callable[[], Checkpoint]) -> None:
        nonlocal best
        score = lexicographic(metrics["exact_match"], metrics["edit_similarity"], lines)
        best = max(best, score)
        metrics |= {"score": score, "best_score": best}
        with tempfile.TemporaryDirectory() as folder:
            checkpoint().save(Path(folder) / CHECKPOINT_FOLDER)
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder))

    return report
