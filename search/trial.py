"""One trial: the training loop inside a Ray Tune actor, reporting scores and checkpoints."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune

from search.attempts import Start, find_start, set_parts
from search.checkpoints import report_with_checkpoint
from search.ranking import WORST, Forgetting, score
from search.workers import WorkerGroup, train_on_workers
from train.checkpoint import Checkpoint
from train.config import TrialConfig, config_from_mapping
from train.errors import DivergedError, MemoryShortError
from train.loop import Report, TrainingData, train
from train.parts import more_parts
from train.scores import Scores
from train.tasks import TASKS
from train.validation import GENERAL


@dataclass(frozen=True)
class TrialSetup:
    """What every trial of a study shares.

    Attributes:
        data: reference to the study's TrainingData; wrapped here, as Tune would copy out a bare one.
        group: the workers of a trial; None to train in the trial's own process.
        forgetting: what the models knew; None without general samples.
    """

    data: ray.ObjectRef
    group: WorkerGroup | None
    forgetting: Forgetting | None = None


def run_trial(params: dict[str, Any], setup: TrialSetup) -> None:
    """Train what `params` say; the body of a Tune function, which continues from the trial's checkpoint."""
    config = config_from_mapping(params, "trial")
    try:
        train_within_memory(config, setup)
    except DivergedError as error:
        tune.report({"diverged": True, "reason": str(error), "epoch": 0, "score": WORST, "best_score": WORST})


def train_within_memory(config: TrialConfig, setup: TrialSetup) -> None:
    """Train; where a batch needs too much memory, go on from the last epoch with every batch in more parts.

    Raises:
        MemoryShortError: if a single sample does not fit.
    """
    workers = setup.group.workers if setup.group else 1
    notes: list[str] = []
    while True:
        start = find_start()
        try:
            train_from(start, notes, config, setup)
            return
        except MemoryShortError as error:
            parts = more_parts(config, start.parts, workers)
            if parts is None:
                raise
            notes.append(f"too little memory ({error.value}): goes on with every batch in {parts} parts")
        set_parts(parts)


def train_from(start: Start, notes: list[str], config: TrialConfig, setup: TrialSetup) -> None:
    """Train from `start` on; the first report carries the notes."""
    data: TrainingData = ray.get(setup.data)
    report = tune_report(len(data.val), start, config, setup.forgetting, notes)
    if setup.group is None:
        train(config, data, report, start.checkpoint, parts=start.parts)
    else:
        train_on_workers(config, setup.data, report, start.checkpoint, setup.group, start.parts)


def judged(
    scores: Scores, general: Scores | None, model: str, forgetting: Forgetting | None
) -> dict[str, float]:
    """Return an epoch's `score` and, with general samples, what it has forgotten."""
    known = forgetting if general is not None else None
    lost = known.measured(model, general.primary) if known and general else {}
    found = score(*scores.rank, scores.steps, lost.get("excess", 0.0), known.steps if known else 1)
    return {"score": found, **lost}


def tune_report(
    samples: int, start: Start, config: TrialConfig, forgetting: Forgetting | None, notes: Sequence[str]
) -> Report:
    """Return a report function that sends every epoch's metrics and checkpoint to Ray Tune.

    Args:
        samples: in the validation split.
        start: what the trial goes on from.
        config: the trial's.
        forgetting: what the models knew; None without general samples.
        notes: what went wrong before, for the first report.
    """
    best = start.checkpoint.metrics.get("best_score", WORST) if start.checkpoint else WORST
    pending = [note for note in (start.note, *notes) if note]
    kind = TASKS.get(config.task).scores

    def report(metrics: dict[str, float], checkpoint: Callable[[], Checkpoint]) -> None:
        nonlocal best
        general = kind.kept_in(metrics, 0, GENERAL) if kind.are_in(metrics, GENERAL) else None
        metrics |= judged(kind.kept_in(metrics, samples), general, config.model, forgetting)
        best = max(best, metrics["score"])
        metrics |= {"best_score": best, "parts": start.parts}
        told = {"note": "; ".join(pending)} if pending else {}
        pending.clear()
        report_with_checkpoint(tune.report, metrics | told, checkpoint)

    return report
