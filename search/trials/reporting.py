"""What a trial sends to Ray Tune after an epoch or a fold."""

from collections.abc import Callable
from functools import partial

from ray import tune

from search.records.ranking import WORST, Forgetting, Forgotten, score
from search.records.trial_report import METRIC, FoldReport, Origin, TrialReport, name_copied
from search.storage.trial_folder import report_with_checkpoint
from search.trials.start import TrialSetup, TrialStart, find_study
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.scoring.scores import VAL_LOSS, Scores
from train.steps.report import MakeCheckpoint, Metrics, Report
from train.steps.validation import GENERAL
from train.tasks import TASKS


class Notes:
    """What went wrong and was got over; the next report says it, once."""

    def __init__(self) -> None:
        self._pending: list[str] = []
        self._known = {""}

    def add(self, note: str) -> None:
        """Let the next report say this, unless one has; an empty note says nothing."""
        if note not in self._known:
            self._pending.append(note)
            self._known.add(note)

    def take(self) -> str:
        """Return what the next report says; empty once it was taken."""
        text = "; ".join(self._pending)
        self._pending = []
        return text


def describe_origin(config: TrialConfig, checkpoint: str) -> Origin:
    """Return where a population's trial has its weights from (`search/sampling/lineage.py`).

    Args:
        config: the trial's.
        checkpoint: path of the one that it goes on from; empty for none.
    """
    trial = str(tune.get_context().get_trial_id())
    return Origin(name_copied(checkpoint, trial) if checkpoint else "", config.model_dump_json())


def judge_metrics(
    metrics: Metrics, samples: int, config: TrialConfig, forgetting: Forgetting | None
) -> tuple[float, Forgotten | None]:
    """Return the one number of an epoch on so many validation samples, and what it has forgotten.

    None is forgotten without general samples.
    """
    kind = TASKS.get(config.task).scores
    general = kind.from_metrics(metrics, 0, GENERAL) if kind.are_in(metrics, GENERAL) else None
    found = kind.from_metrics(metrics, samples)
    return judge(found, general, config.model, forgetting, metrics.get(VAL_LOSS))


def judge(
    scores: Scores,
    general: Scores | None,
    model: str,
    forgetting: Forgetting | None,
    loss: float | None = None,
) -> tuple[float, Forgotten | None]:
    """Return the one number that orders as these scores and the labels' loss do, and what the model has forgotten."""
    rank = scores.rank_with(loss)
    if forgetting is None or general is None:
        return score(*rank, scores.steps), None
    lost = forgetting.measure(model, general.primary)
    return score(*rank, scores.steps, lost.excess, forgetting.steps), lost


def make_fold_report(
    start: TrialStart, notes: Notes, config: TrialConfig, setup: TrialSetup
) -> Callable[[Metrics, FoldReport, Checkpoint | None], None]:
    """Return a report function that sends what all folds so far say to Ray Tune."""

    def report(metrics: Metrics, fold: FoldReport, checkpoint: Checkpoint | None) -> None:
        value, lost = judge_metrics(metrics, fold.samples, config, setup.forgetting)
        # The best score is that of all folds so far: the best of them would flatter.
        row = TrialReport(metrics, value, value, start.micro_batches, lost, notes.take(), fold).to_row()
        if checkpoint is None:
            tune.report(row)
        else:
            report_with_checkpoint(tune.report, row, lambda: checkpoint, find_study())

    return report


def make_tune_report(
    samples: int, start: TrialStart, notes: Notes, config: TrialConfig, setup: TrialSetup
) -> Report:
    """Return a report function that sends every epoch's metrics and checkpoint to Ray Tune.

    Args:
        samples: in the validation split.
        start: what the trial goes on from.
        notes: what went wrong before.
        config: the trial's.
        setup: what all trials share.
    """
    best = start.checkpoint.metrics.get(METRIC, WORST) if start.checkpoint else WORST
    origin = describe_origin(config, start.path) if setup.population else None

    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        nonlocal best
        value, lost = judge_metrics(metrics, samples, config, setup.forgetting)
        best = max(best, value)
        sent = TrialReport(metrics, value, best, start.micro_batches, lost, notes.take(), origin=origin)
        made = partial(make, sent.checkpoint_metrics)
        report_with_checkpoint(tune.report, sent.to_row(), made, find_study())

    return report
