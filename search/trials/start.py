"""Where a trial starts from: its last whole checkpoint, and in how many micro-batches it computes a batch."""

from dataclasses import dataclass, field

import ray
from ray import tune

from search.planning.clock import Clock
from search.planning.packing import TrialResources, WorkerGroup
from search.planning.plan import Planned
from search.records.ranking import Forgetting
from search.records.trial_report import MICRO_BATCHES
from search.storage.trial_folder import find_last_whole, read_micro_batches, write_micro_batches
from train.checkpoint import Checkpoint


@dataclass(frozen=True)
class TrialStart:
    """What a trial, or a further attempt at one, begins with.

    Attributes:
        checkpoint: to go on from; None to begin anew.
        micro_batches: in which the largest batches are computed.
        note: what was wrong with later checkpoints; empty for nothing.
        path: of the checkpoint; empty for none.
    """

    checkpoint: Checkpoint | None
    micro_batches: int
    note: str = ""
    path: str = ""


def find_start() -> TrialStart:
    """Return what this trial begins with; call it inside a Tune function."""
    saved = tune.get_checkpoint()
    storage = tune.get_context().get_storage()
    micro_batches = read_micro_batches(storage.storage_filesystem, storage.trial_fs_path)
    if saved is None:
        return TrialStart(None, micro_batches)
    checkpoint, note, path = find_last_whole(saved.filesystem, saved.path)
    kept = int(checkpoint.metrics.get(MICRO_BATCHES, 1)) if checkpoint else 1
    return TrialStart(checkpoint, max(micro_batches, kept), note, path)


def find_study() -> str:
    """Return the path of the study's folder in its storage; call it inside a Tune function."""
    return str(tune.get_context().get_storage().experiment_fs_path)


def set_micro_batches(micro_batches: int) -> None:
    """Write down that this trial's further attempts need so many micro-batches; call it inside a Tune function."""
    storage = tune.get_context().get_storage()
    write_micro_batches(storage.storage_filesystem, storage.trial_fs_path, micro_batches)


@dataclass(frozen=True)
class TrialSetup:
    """What every trial of a study shares.

    Attributes:
        data: reference to the study's TrainingData; wrapped here, as Tune would copy out a bare one.
        group: the workers of a trial; None to train in the trial's own process.
        forgetting: what the models knew; None without general samples.
        folds: over which a trial is scored; 1 for the study's own split alone.
        clock: until when a trial may train; None without a time budget.
        resources: what a trial has of its node.
        population: whether trials go on from each other's checkpoints, so that each report says how it was trained.
    """

    data: ray.ObjectRef
    group: WorkerGroup | None
    forgetting: Forgetting | None = None
    population: bool = False
    folds: int = 1
    clock: Clock | None = None
    resources: TrialResources = field(default_factory=lambda: TrialResources({}))


def make_setup(planned: Planned) -> TrialSetup:
    """Return what every trial of a planned study shares."""
    settings, resources = planned.settings, planned.plan.resources
    return TrialSetup(
        data=planned.probed.shared,
        group=resources.group,
        forgetting=planned.probed.forgetting,
        population=settings.population is not None,
        folds=settings.folds or 1,
        clock=planned.clock,
        resources=resources.trial,
    )
