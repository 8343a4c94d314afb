"""One trial on several Ray Train workers that train one network together: what `train.loop.train` is to one.

    trial (Tune actor, no CPU) -> Train controller (no CPU) -> workers, each with its share of every batch
    rank 0's metrics and checkpoint -> controller -> queue -> the trial's own `report`

Ray's TuneReportCallback carries metrics only; a checkpoint that Tune does not hold could not be resumed from.
"""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import ray
import ray.train
from ray.exceptions import OutOfMemoryError
from ray.train import (
    CheckpointConfig,
    LoggingConfig,
    RunConfig,
    ScalingConfig,
    UserCallback,
    WorkerGroupError,
)
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.util.placement_group import (
    PlacementGroup,
    PlacementGroupID,
    get_current_placement_group,
    remove_placement_group,
)
from ray.util.queue import Empty, Queue

from search.planning.packing import WorkerGroup
from search.storage.trial_folder import read_checkpoint, report_with_checkpoint
from search.trials.cleaner import CleanerCallback
from train.backends import BACKENDS
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.engine import World
from train.errors import MemoryShortError, OcrError
from train.loop import train
from train.steps.position import Watch, watch_nothing
from train.steps.report import MakeCheckpoint, Metrics, Report

POLL_S = 0.5
CONTROLLER = {
    # After so many seconds its controller sees a report, and the end of a run, in place of 2.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": str(POLL_S),
    # A process for every run, which foresees the loss of a node: a trial goes on from its last epoch anyway.
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
}
"""Ray Train's environment variables for trials, where the user has not set them."""
# One that the trial is reading, one that waits in the queue, and the newest.
CHECKPOINTS_ON_DISK = 3
PLACEMENT = "placement_group"


def train_on_workers(
    config: TrialConfig,
    data: ray.ObjectRef,
    report: Report,
    resume: Checkpoint | None,
    group: WorkerGroup,
    micro_batches: int = 1,
    *,
    deadline: float | None = None,
    watch: Watch = watch_nothing,
) -> None:
    """Train one configuration on a group of workers, calling `report` in this process after every epoch.

    Call it inside a Tune function that was given TRIAL_RESOURCES with `tune.with_resources`. Ray Train reserves
    every worker's share in a placement group of its own, whole or not at all: with CPUs of its own a trial could
    keep them from its workers and wait for ever. Let no more trials run at a time than fit with their workers, and
    none under the name of a group that another one has: what an earlier run of that name left is deleted.

    Args:
        config: what to train; `batch_size` counts over all workers.
        data: reference to a TrainingData, which the workers map without a copy.
        report: as for `train`; where it raises, the workers are ended.
        resume: the checkpoint to continue from.
        group: the workers.
        micro_batches: in which a worker computes its share of a batch.
        deadline: as for `train`.
        watch: as for `train`, called on the first worker.

    Raises:
        MemoryShortError: if a worker cannot, or was ended for the memory it took.
        DivergedError: or another OcrError of a worker, which ends the others too.
    """
    os.environ |= CONTROLLER | os.environ
    # What an attempt that was killed left: only the end of the search would delete it.
    with suppress(OSError):
        group.storage.delete_folders(f"{group.name}-")
    reports = Queue(1, actor_options={"num_cpus": 0})
    saved = ray.put(resume) if resume else None
    run = _run_config(group, reports)
    trainer = TrialTrainer(
        partial(_work, config, data, saved, micro_batches, deadline, watch, study=group.storage.parent),
        backend_config=BACKENDS.get(config.engine)(),
        scaling_config=_scaling(group),
        run_config=run,
    )
    try:
        with ThreadPoolExecutor(1) as pool:
            _forward(reports, pool.submit(_fit, trainer), report)
    finally:
        reports.shutdown(force=True)
        _delete_run(run)


class TrialTrainer(DataParallelTrainer):
    """Ray Train's, with our cleaner in place of its own."""

    def _create_default_callbacks(self) -> list[Any]:
        callbacks = super()._create_default_callbacks()
        return [
            CleanerCallback() if isinstance(one, PlacementGroupCleanerCallback) else one for one in callbacks
        ]


def _scaling(group: WorkerGroup) -> ScalingConfig:
    return ScalingConfig(
        num_workers=group.workers,
        use_gpu=group.amounts.get("GPU", 0.0) > 0,
        resources_per_worker={name: amount for name, amount in group.amounts.items() if amount},
    )


def _run_config(group: WorkerGroup, reports: Queue) -> RunConfig:
    return RunConfig(
        # Ray Train continues a run whose name it finds in the storage; only the trial's checkpoint counts here.
        name=f"{group.name}-{uuid4().hex[:8]}",
        storage_path=group.storage.path,
        storage_filesystem=group.storage.filesystem,
        callbacks=[_Forwarder(reports)],
        checkpoint_config=CheckpointConfig(num_to_keep=CHECKPOINTS_ON_DISK),
        logging_config=LoggingConfig(log_level="ERROR"),
    )


def _fit(trainer: DataParallelTrainer) -> None:
    """Run the workers to their end; raise the error of ours that ended them, if it was one."""
    try:
        trainer.fit()
    except WorkerGroupError as error:
        for failure in error.worker_failures.values():
            if isinstance(failure, OcrError):
                raise failure from error
            if isinstance(failure, OutOfMemoryError):
                raise MemoryShortError(
                    "a worker must fit into its machine's memory", failure, "lower batch_size"
                ) from error
        raise


class _Forwarder(UserCallback):
    """Runs in Ray Train's controller: hands rank 0's reports to the trial, at most one ahead of it."""

    def __init__(self, reports: Queue) -> None:
        self._reports = reports

    def after_report(
        self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: ray.train.Checkpoint | None
    ) -> None:
        """Queue the report; blocks while the trial is behind."""
        controller = ray.get_runtime_context().current_actor
        self._reports.put((metrics[0], checkpoint, controller))


def _forward(reports: Queue, run: "Future[None]", report: Report) -> None:
    """Pass every report on until the run has ended, then raise what ended it."""
    while not run.done() or not reports.empty():
        try:
            metrics, checkpoint, controller = reports.get(timeout=POLL_S)
        except Empty:
            continue
        placement = metrics.pop(PLACEMENT)
        try:
            report(metrics, partial(_read_with, checkpoint))
        except BaseException:  # Tune stops a trial by SystemExit from inside its report
            _kill(controller, placement)
            raise
    run.result()


def _read_with(checkpoint: ray.train.Checkpoint, more: Metrics | None = None) -> Checkpoint:
    """Return the checkpoint with further metrics: what `train` hands a report to make it with."""
    found = read_checkpoint(checkpoint)
    return replace(found, metrics={**found.metrics, **(more or {})})


def _kill(controller: Any, placement: str) -> None:
    """End the workers at once and give their cores back.

    Tune may end this process any moment: the controller's own `abort` takes seconds.
    """
    remove_placement_group(PlacementGroup(PlacementGroupID(bytes.fromhex(placement))))
    ray.kill(controller)


def _delete_run(run: RunConfig) -> None:
    storage = run.storage_context
    with suppress(OSError):  # a dying worker may still write; what is left is only transient
        storage.storage_filesystem.delete_dir(storage.experiment_fs_path)


def _work(
    config: TrialConfig,
    data: ray.ObjectRef,
    resume: ray.ObjectRef | None,
    micro_batches: int,
    deadline: float | None,
    watch: Watch,
    *,
    study: str,
) -> None:
    """Train on one worker: the body of Ray Train's function."""
    context = ray.train.get_context()
    world = World(context.get_world_rank(), context.get_world_size())
    restarted = ray.train.get_checkpoint()
    saved = read_checkpoint(restarted) if restarted else ray.get(resume) if resume else None
    report = partial(_worker_report, study) if world.rank == 0 else _follower_report
    told = watch if world.rank == 0 else watch_nothing
    train(config, ray.get(data), report, saved, world, micro_batches, deadline=deadline, watch=told)


def _worker_report(study: str, metrics: Metrics, make: MakeCheckpoint) -> None:
    """Report as rank 0, with the checkpoint; Ray copies it into the run's storage before it returns."""
    row = {**metrics, PLACEMENT: get_current_placement_group().id.hex()}
    report_with_checkpoint(ray.train.report, row, make, study)


def _follower_report(metrics: Metrics, make: MakeCheckpoint) -> None:
    """Report as any other rank: Ray Train waits until all have."""
    ray.train.report(dict(metrics))
