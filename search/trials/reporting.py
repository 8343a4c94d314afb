"""TODO."""

from collections.abc import Callable
from typing import Any

from ray import tune

from search.records.ranking import WORST, Forgetting, score
from search.records.trial_report import COPIED, SAMPLES, TRAINED_WITH, copied_from
from search.storage.trial_folder import report_with_checkpoint
from search.trials.start import Start, TrialSetup
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.loop import MakeCheckpoint, Metrics, Report
from train.scoring.scores import Scores
from train.steps.validation import GENERAL
from train.tasks import TASKS


class Notes:
    """What went wrong before a trial goes on, for its first report alone."""

    def __init__(self, notes: list[str]) -> None:
        self._pending = [note for note in notes if note]

    def told(self) -> dict[str, str]:
        """Return what the next report adds; nothing once it was told."""
        text = "; ".join(self._pending)
        self._pending = []
        return {"note": text} if text else {}


def origin(config: TrialConfig, checkpoint: str) -> dict[str, str]:
    """Return what the reports of a population's trial say of how it is trained (`search/sampling/lineage.py`).

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
        metrics |= {"best_score": metrics["score"], "parts": start.micro_batches, **notes.told()}
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

    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        nonlocal best
        general = kind.kept_in(metrics, 0, GENERAL) if kind.are_in(metrics, GENERAL) else None
        worth = judged(kind.kept_in(metrics, samples), general, config.model, setup.forgetting)
        best = max(best, worth["score"])
        kept = {**worth, "best_score": best, "parts": start.micro_batches}
        report_with_checkpoint(
            tune.report, {**metrics, **kept, **notes.told(), **trained}, lambda: make(kept)
        )

    return report
