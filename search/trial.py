"""One trial: the training loop inside a Ray Tune actor, reporting scores and checkpoints."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray import tune

from search.attempts import Start, find_start, set_parts
from search.checkpoints import report_with_checkpoint
from search.clock import Clock
from search.folds import SAMPLES, run_folds, split_folds
from search.lineage import COPIED, TRAINED_WITH, copied_from
from search.packing import Needs
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

FOLD_SEED = 0  # the same folds for all trials, and for a study that is resumed


@dataclass(frozen=True)
class TrialSetup:
    """What every trial of a study shares.

    Attributes:
        data: reference to the study's TrainingData; wrapped here, as Tune would copy out a bare one.
        group: the workers of a trial; None to train in the trial's own process.
        forgetting: what the models knew; None without general samples.
        folds: over which a trial is scored; 1 for the study's own split alone.
        clock: until when a trial may train; None without a time budget.
        needs: what a trial has of its node.
        population: whether trials go on from each other's checkpoints, so that each report says how it was trained.
    """

    data: ray.ObjectRef
    group: WorkerGroup | None
    forgetting: Forgetting | None = None
    population: bool = False
    folds: int = 1
    clock: Clock | None = None
    needs: Needs = field(default_factory=lambda: Needs({}))


def run_trial(params: dict[str, Any], setup: TrialSetup) -> None:
    """Train what `params` say; the body of a Tune function, which continues from the trial's checkpoint."""
    config = config_from_mapping(params, "trial")
    try:
        train_within_memory(config, setup)
    except DivergedError as error:
        tune.report({"diverged": True, "reason": str(error), "epoch": 0, "score": WORST, "best_score": WORST})


def train_within_memory(config: TrialConfig, setup: TrialSetup) -> None:
    """Train with every batch in as many parts as planned; if memory lacks, go on from the last epoch with more parts.

    Raises:
        MemoryShortError: if a single sample does not fit.
    """
    workers = setup.group.workers if setup.group else 1
    planned = setup.needs.parts(config, workers)
    notes: list[str] = []
    while True:
        start = find_start()
        if start.parts < planned:
            set_parts(planned)
            start = replace(start, parts=planned)
            notes.append(
                f"computes every batch in {planned} parts: a whole one needs more memory than a trial has"
            )
        try:
            train_from(start, Notes([start.note, *notes]), config, setup)
            return
        except MemoryShortError as error:
            parts = more_parts(config, start.parts, workers)
            if parts is None:
                raise
            notes.append(f"too little memory ({error.value}): goes on with every batch in {parts} parts")
        set_parts(parts)


class Notes:
    """What went wrong before a trial goes on, for its first report alone."""

    def __init__(self, notes: list[str]) -> None:
        self._pending = [note for note in notes if note]

    def told(self) -> dict[str, str]:
        """Return what the next report adds; nothing once it was told."""
        text = "; ".join(self._pending)
        self._pending = []
        return {"note": text} if text else {}


def train_from(start: Start, notes: Notes, config: TrialConfig, setup: TrialSetup) -> None:
    """Train from `start` on; the first report carries the notes."""
    data: TrainingData = ray.get(setup.data)
    if setup.folds > 1:
        parts = split_folds(data, setup.folds, TASKS.get(config.task), FOLD_SEED)
        report_fold = fold_report(start, notes, config, setup)
        run_folds(config, parts, report_fold, start.checkpoint, start.parts)
        return
    report = tune_report(len(data.val), start, notes, config, setup)
    ends = setup.clock.ends_for(config) if setup.clock else None
    if setup.group is None:
        train(config, data, report, start.checkpoint, parts=start.parts, ends=ends)
    else:
        train_on_workers(config, setup.data, report, start.checkpoint, setup.group, start.parts, ends=ends)


def origin(config: TrialConfig, checkpoint: str) -> dict[str, str]:
    """Return what the reports of a population's trial say of how it is trained (`search/lineage.py`).

    Args:
        config: the trial's.
        checkpoint: path of the one that it goes on from; empty for none.
    """
    trial = str(tune.get_context().get_trial_id())
    return {
        COPIED: copied_from(checkpoint, trial) if checkpoint else "",
        TRAINED_WITH: config.model_dump_json(),
    }


def fold_report(
    start: Start, notes: Notes, config: TrialConfig, setup: TrialSetup
) -> Callable[[dict[str, Any], Checkpoint | None], None]:
    """Return a report function that sends what all folds so far say to Ray Tune."""
    kind = TASKS.get(config.task).scores

    def report(metrics: dict[str, Any], checkpoint: Checkpoint | None) -> None:
        general = kind.kept_in(metrics, 0, GENERAL) if kind.are_in(metrics, GENERAL) else None
        metrics |= judged(kind.kept_in(metrics, metrics[SAMPLES]), general, config.model, setup.forgetting)
        # The best score is that of all folds so far: the best of them would flatter.
        metrics |= {"best_score": metrics["score"], "parts": start.parts, **notes.told()}
        if checkpoint is None:
            tune.report(metrics)
        else:
            report_with_checkpoint(tune.report, metrics, lambda: checkpoint)

    return report


def judged(
    scores: Scores, general: Scores | None, model: str, forgetting: Forgetting | None
) -> dict[str, float]:
    """Return an epoch's `score` and, with general samples, what it has forgotten."""
    known = forgetting if general is not None else None
    lost = known.measured(model, general.primary) if known and general else {}
    found = score(*scores.rank, scores.steps, lost.get("excess", 0.0), known.steps if known else 1)
    return {"score": found, **lost}


def tune_report(samples: int, start: Start, notes: Notes, config: TrialConfig, setup: TrialSetup) -> Report:
    """Return a report function that sends every epoch's metrics and checkpoint to Ray Tune.

    Args:
        samples: in the validation split.
        start: what the trial goes on from.
        notes: what went wrong before.
        config: the trial's.
        setup: what all trials share.
    """
    best = start.checkpoint.metrics.get("best_score", WORST) if start.checkpoint else WORST
    kind = TASKS.get(config.task).scores
    trained = origin(config, start.path) if setup.population else {}

    def report(metrics: dict[str, float], checkpoint: Callable[[], Checkpoint]) -> None:
        nonlocal best
        general = kind.kept_in(metrics, 0, GENERAL) if kind.are_in(metrics, GENERAL) else None
        metrics |= judged(kind.kept_in(metrics, samples), general, config.model, setup.forgetting)
        best = max(best, metrics["score"])
        metrics |= {"best_score": best, "parts": start.parts}
        report_with_checkpoint(tune.report, metrics | notes.told() | trained, checkpoint)

    return report
