"""Refitting: with folds the bundle is the winner's configuration trained once more, on all samples.

Folds score a configuration; each of their networks has seen but a part of the samples, and which of them is shipped
would be chance (scikit-learn's `refit` of a grid search, AutoGluon's `refit_full`). It takes a fold's time. Only the
held-back test measures what comes of it: nothing is chosen here, and what is told of validation is of the folds'
networks.
"""

import time
from dataclasses import replace

import ray

from search.planning.budget import REFIT_START_S
from search.records.evidence import Caution, Refit
from search.records.result import PRETRAINED
from search.records.trial import TrialRecord
from search.selection.outcome import Refitting, Searched
from train.checkpoint import Checkpoint
from train.data.batching.mixture import Mixture, Subset
from train.errors import DivergedError
from train.loop import MakeCheckpoint, Metrics, TrainingData, train
from train.tasks import TASKS
from train.trained.loaded import Loaded, load_network

READ = 16
"""Validation samples of a refit: the training loop has to read some."""
LEAST_SHARE = 0.5
"""Of a fold's time, that has to be left."""


def join_samples(data: TrainingData, checkpoint: Checkpoint) -> TrainingData:
    """Return the data with the validation samples to train on, too, but for those that the network cannot write."""
    texts = data.val.texts if TASKS.get(checkpoint.config.task).spells else ()
    unwritable = {place for place, text in enumerate(texts) if checkpoint.charset.unknown(text)}
    mine = [place for place in range(len(data.val)) if place not in unwritable]
    few = Subset(data.val, range(min(READ, len(data.val))))
    return replace(data, train=Mixture([data.train, Subset(data.val, mine)]), val=few, general=None)


def train_on_all(
    checkpoint: Checkpoint, data: TrainingData, deadline: float | None, micro_batches: int
) -> tuple[Checkpoint, int] | str:
    """Train a fold's configuration anew on all samples, for as many epochs or as many as there is time for.

    Returns the last epoch's checkpoint and how many samples it has seen; why there is none if it diverged.
    """
    whole = join_samples(data, checkpoint)
    config = checkpoint.config.model_copy(update={"patience": 0})
    last: list[Checkpoint] = []

    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        last[:] = [make()]

    try:
        train(config, whole, report, micro_batches=micro_batches, deadline=deadline)
    except DivergedError as error:
        return str(error)
    return last[0], len(whole.train)


def refit(
    search: Searched, trial: TrialRecord, winner: Loaded, averaged: tuple[str, ...], caution: Caution | None
) -> tuple[Loaded, Refit | None]:
    """Return the network of the bundle, and how it was trained again; the winner itself and None if it was not.

    A bundle that stays near what training started from is left there.

    Args:
        search: the study.
        trial: the winner's.
        winner: the network of its first fold.
        averaged: trials that it is averaged from.
        caution: how near to the best baseline it stays.
    """
    if search.folds == 1 or averaged == (PRETRAINED,) or (caution is not None and caution.share < 1):
        return winner, None
    how = search.refitting
    if how is None:
        return winner, None
    found = run_apart(winner.checkpoint, how, trial)
    if isinstance(found, str):
        print(f"not trained again on all samples, the bundle is the first fold's: {found}", flush=True)
        return winner, None
    trained, samples = found
    if trained.charset != winner.checkpoint.charset:
        print("not trained again on all samples: other characters to write", flush=True)
        return winner, None
    first_fold = winner.checkpoint
    kept = replace(
        trained,
        metrics=first_fold.metrics,
        state={"weights": trained.weights},
        text_model=first_fold.text_model,
    )
    network = load_network(kept, search.data.training.train)
    final = Loaded(network.engine, winner.task, checkpoint=kept)
    return final, Refit(epochs=trained.epoch, samples=samples)


def run_apart(checkpoint: Checkpoint, how: Refitting, trial: TrialRecord) -> tuple[Checkpoint, int] | str:
    """Call `train_on_all` in a process of its own, in time; return why if nothing came of it."""
    left = None if how.deadline is None else how.deadline - time.time()
    trained = max(1, trial.best.fold if trial.best else 0) * trial.config.epochs
    if (
        left is not None
        and left < REFIT_START_S + LEAST_SHARE * trial.config.epochs * trial.seconds / trained
    ):
        return "the time is short"
    cpus, gpus, memory = (how.resources.get(name, 0.0) for name in ("CPU", "GPU", "memory"))
    remote = ray.remote(num_cpus=cpus, num_gpus=gpus, memory=memory, max_retries=0)(train_on_all)
    print("training the winner once more, on all samples", flush=True)
    job = remote.remote(checkpoint, how.data, how.deadline, trial.micro_batches)
    done, _ = ray.wait([job], timeout=None if left is None else left + REFIT_START_S)
    if not done:
        ray.cancel(job, force=True)
        return "the time was over"
    try:
        found: tuple[Checkpoint, int] | str = ray.get(job)
    except ray.exceptions.RayError as error:
        return str(error).strip().splitlines()[-1]
    return found
