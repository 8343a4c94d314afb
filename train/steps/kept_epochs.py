"""What a run of `train/run.py` keeps of its epochs: the last one and the best one, each as a checkpoint."""

from pathlib import Path

from train.checkpoint import load_checkpoint
from train.steps.report import MakeCheckpoint, Metrics, Report
from train.steps.training_report import TrainingReport
from train.steps.validation import GENERAL
from train.tasks import Task

LAST, BEST = "last", "best-checkpoint"


def keep_epochs(output: Path, epochs: int, training_report: TrainingReport, task: type[Task]) -> Report:
    """Return a report function that prints a line, keeps the last checkpoint, the best one and the report."""
    best = (-1.0, -1.0)  # an epoch without a single right character is still the best so far
    if (output / LAST).exists() and (output / BEST).exists():  # of this run, which goes on
        best = task.scores.rank_in(load_checkpoint(output / BEST).metrics)

    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        nonlocal best
        scores = task.scores.from_metrics(metrics, 0)
        checkpoint, rank = make(), task.scores.rank_in(metrics)
        if rank > best:  # first: killed in between, the run goes on before this epoch
            best = rank
            checkpoint.save(output / BEST, durable=True)
        checkpoint.save(output / LAST, durable=True)
        training_report.add(metrics)
        named = zip(task.terms.short, scores.rank, strict=True)
        print(
            f"epoch {metrics['epoch']:>3}/{epochs}  loss {metrics['loss']:8.3f}  "
            f"{''.join(f'{word} {value:.3f}  ' for word, value in named)}"
            f"{_general(metrics, task)}{metrics['epoch_seconds']:.0f} s",
            flush=True,
        )

    return report


def _general(metrics: Metrics, task: type[Task]) -> str:
    known = task.scores.are_in(metrics, GENERAL)
    return f"general {task.scores.from_metrics(metrics, 0, GENERAL).primary:.3f}  " if known else ""
