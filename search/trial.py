"""One trial: the training loop inside a Ray Tune actor, reporting scores and checkpoints."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ray
from ray import tune

from search.folds import SAMPLES, run_folds, split_folds
from search.lineage import COPIED, TRAINED_WITH, copied_from
from search.ranking import WORST, Forgetting, score
from search.workers import CHECKPOINT_FOLDER, WorkerGroup, train_on_workers
from train.checkpoint import Checkpoint, load_checkpoint
from train.config import TrialConfig, config_from_mapping
from train.errors import DivergedError
from train.loop import Report, TrainingData, train
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
        population: whether trials go on from each other's checkpoints, so that each report says how it was trained.
    """

    data: ray.ObjectRef
    group: WorkerGroup | None
    forgetting: Forgetting | None = None
    population: bool = False
    folds: int = 1


def run_trial(params: dict[str, Any], setup: TrialSetup) -> None:
    """Train what `params` say; the body of a Tune function, which continues from the trial's checkpoint."""
    config = config_from_mapping(params, "trial")
    saved = tune.get_checkpoint()
    resume = None
    if saved is not None:
        with saved.as_directory() as folder:
            resume = load_checkpoint(Path(folder) / CHECKPOINT_FOLDER)
    data: TrainingData = ray.get(setup.data)
    told = origin(config, saved.path if saved else None) if setup.population else {}
    report = tune_report(len(data.val), resume, config, setup.forgetting, told)
    try:
        if setup.folds > 1:
            parts = split_folds(data, setup.folds, TASKS.get(config.task), FOLD_SEED)
            run_folds(config, parts, fold_report(config, setup.forgetting), resume)
        elif setup.group is None:
            train(config, data, report, resume)
        else:
            train_on_workers(config, setup.data, report, resume, setup.group)
    except DivergedError as error:
        tune.report({"diverged": True, "reason": str(error), "epoch": 0, "score": WORST, "best_score": WORST})


def origin(config: TrialConfig, checkpoint: str | None) -> dict[str, str]:
    """Return what the reports of a population's trial say of how it is trained (`search/lineage.py`)."""
    trial = str(tune.get_context().get_trial_id())
    return {
        COPIED: copied_from(checkpoint, trial) if checkpoint else "",
        TRAINED_WITH: config.model_dump_json(),
    }


def fold_report(
    config: TrialConfig, forgetting: Forgetting | None
) -> Callable[[dict[str, Any], Checkpoint | None], None]:
    """Return a report function that sends what all folds so far say to Ray Tune."""
    kind = TASKS.get(config.task).scores

    def report(metrics: dict[str, Any], checkpoint: Checkpoint | None) -> None:
        general = kind.kept_in(metrics, 0, GENERAL) if kind.are_in(metrics, GENERAL) else None
        metrics |= judged(kind.kept_in(metrics, metrics[SAMPLES]), general, config.model, forgetting)
        metrics |= {"best_score": metrics["score"]}  # of all folds so far: the best of them would flatter
        with tempfile.TemporaryDirectory() as folder:
            if checkpoint is not None:
                checkpoint.save(Path(folder) / CHECKPOINT_FOLDER)
            tune.report(metrics, checkpoint=tune.Checkpoint.from_directory(folder) if checkpoint else None)

    return report


def judged(
    scores: Scores, general: Scores | None, model: str, forgetting: Forgetting | None
) -> dict[str, float]:
    """Return an epoch's `score` and, with general samples, what it has forgotten."""
    known = forgetting if general is not None else None
    lost = known.measured(model, general.primary) if known and general else {}
    found = score(*scores.rank, scores.steps, lost.get("excess", 0.0), known.steps if known else 1)
    return {"score": found, **lost}


def tune_report(
    samples: int,
    resume: Checkpoint | None,
    config: TrialConfig,
    forgetting: Forgetting | None = None,
    told: Mapping[str, str] = MappingProxyType({}),
) -> Report:
    """Return a report function that sends every epoch's metrics and checkpoint to Ray Tune.

    Args:
        samples: in the validation split.
        resume: the checkpoint that the trial goes on from.
        config: the trial's.
        forgetting: what the models knew; None without general samples.
        told: further things that every report says.
    """
    best = resume.metrics.get("best_score", WORST) if resume else WORST
    kind = TASKS.get(config.task).scores

    def report(metrics: dict[str, float], checkpoint: Callable[[], Checkpoint]) -> None:
        nonlocal best
        general = kind.kept_in(metrics, 0, GENERAL) if kind.are_in(metrics, GENERAL) else None
        metrics |= judged(kind.kept_in(metrics, samples), general, config.model, forgetting)
        best = max(best, metrics["score"])
        metrics |= {"best_score": best}
        with tempfile.TemporaryDirectory() as folder:
            checkpoint().save(Path(folder) / CHECKPOINT_FOLDER)
            tune.report({**metrics, **told}, checkpoint=tune.Checkpoint.from_directory(folder))

    return report
