"""The best trials trained again with other seeds: what is left of their scores, and which of them is the best.

The best of many noisy scores is the best partly by luck, so it flatters (the winner's curse). A run with another seed
is not chosen for its score: the mean of such runs is what a recipe is worth on the validation samples. It still
flatters a little, as the recipe was chosen on these samples; the held-back test does not. What the runs have learned is
not lost: their weights may be averaged with the winner's (`search/selection/soup.py`).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import ray

from search.planning.budget import choose_runs
from search.records.evidence import Confirmation
from search.records.ranking import Forgetting, rank_key
from search.records.trial import TrialRecord, rank
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.errors import DivergedError
from train.loop import TrainingData, train
from train.scoring.intervals import score_interval
from train.steps.report import MakeCheckpoint, Metrics, SeldomReport
from train.steps.validation import mean_loss
from train.tasks import SampleStats, primary_of
from train.trained.loaded import load_network

LATE = "the time was over"


@dataclass(frozen=True)
class Run:
    """A finalist trained once more.

    Attributes:
        rank: its sort key (`search/records/ranking.py`).
        stats: how it does on every validation sample (`Task.per_sample`).
        checkpoint: the weights that it reads with, without what training needs besides.
    """

    seed: int
    rank: tuple[float, float, float]
    stats: SampleStats
    checkpoint: Checkpoint


@dataclass(frozen=True)
class Finalist:
    """One of the best trials, trained again; without runs where one failed."""

    confirmation: Confirmation
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Retraining:
    """How finalists are trained again.

    Attributes:
        data: reference to the study's TrainingData.
        resources: of a trial, as Tune names them.
        deadline: Unix time at which training has to end; None without a budget.
        concurrent: runs at a time.
        forgetting: what the models knew; None without general samples.
        most: finalists that are trained again.
    """

    data: Any
    resources: Mapping[str, float]
    deadline: float | None
    concurrent: int
    forgetting: Forgetting | None
    most: int


class _LastEpochError(Exception):
    """Ends a run after its last epoch."""


def train_again(
    config: TrialConfig,
    epochs: int,
    data: TrainingData,
    forgetting: Forgetting | None,
    micro_batches: int = 1,
) -> Run | str:
    """Train `epochs` epochs of a configuration and score the last; return why if it diverged.

    Batches are computed in as many micro-batches as the trial's were. The score is fair, as nothing is chosen by it:
    which epoch is scored is known before.
    """
    last: list[Checkpoint] = []

    def keep(metrics: Metrics, make: MakeCheckpoint) -> None:
        last.append(make())
        raise _LastEpochError

    try:
        report = SeldomReport(keep, lambda epoch, _: epoch == epochs)
        train(config.model_copy(update={"patience": 0}), data, report, micro_batches=micro_batches)
    except _LastEpochError:
        pass
    except DivergedError as error:
        return str(error)
    network = load_network(last[0], data.train).at_best
    reading, excess = network.read(data.val), 0.0
    if data.general is not None and forgetting is not None:
        general = network.read(data.general).scores
        excess = forgetting.measure(config.model, general.primary).excess
    weights = replace(last[0], state={"weights": last[0].weights})
    return Run(
        config.seed,
        rank_key(*reading.scores.rank_with(mean_loss(reading.losses)), excess),
        reading.stats,
        weights,
    )


def confirm(trials: Sequence[TrialRecord], retraining: Retraining, seed: int) -> tuple[Finalist, ...]:
    """Train the best trials again, as many as there is time for; return what came of it, the best one first.

    Args:
        trials: of which to choose; those that cannot win are left out.
        retraining: how.
        seed: of the resampling.
    """
    eligible = [trial for trial in rank(trials) if trial.eligible][: retraining.most]
    left = None if retraining.deadline is None else retraining.deadline - time.time()
    seconds = [trial.best.seconds for trial in eligible if trial.best]
    count, seeds = choose_runs(seconds, left, retraining.concurrent)
    if not count:
        return ()
    print(f"training the best {count} again with {seeds} other seeds each", flush=True)
    jobs = _start(eligible[:count], seeds, retraining)
    found = collect(list(jobs), left)
    outcomes = keep_comparable({jobs[job]: outcome for job, outcome in found.items()})
    finalists = [summarise_runs(trial, outcomes[trial.id], seed) for trial in eligible[:count]]
    return tuple(sorted(finalists, key=lambda one: one.confirmation.rank, reverse=True))


def keep_comparable(outcomes: Mapping[tuple[str, int], Run | str]) -> dict[str, list[Run | str]]:
    """Return each finalist's outcomes for the seeds that all finalists had time for.

    A run that came too late says nothing of its configuration, which must not lose for it; and means over different
    seeds cannot be compared. If no seed is left, no finalist is confirmed. A failed run counts in any case.

    Args:
        outcomes: by trial and number of the seed.
    """
    late = {number for (_, number), outcome in outcomes.items() if outcome == LATE}
    every = {number for _, number in outcomes}
    if late == every:
        return {trial: [LATE] for trial, _ in outcomes}
    if late:
        print(f"the time was over: compared by {len(every - late)} of {len(every)} other seeds", flush=True)
    kept: dict[str, list[Run | str]] = {trial: [] for trial, _ in outcomes}
    for (trial, number), outcome in sorted(outcomes.items(), key=lambda one: one[0]):
        if number not in late or (isinstance(outcome, str) and outcome != LATE):
            kept[trial].append(outcome)
    return kept


def _start(trials: Sequence[TrialRecord], seeds: int, retraining: Retraining) -> dict[Any, tuple[str, int]]:
    """Start all runs, each finalist's first before anyone's second; return {reference: (trial, number of the seed)}."""
    cpus, gpus = retraining.resources.get("CPU", 1.0), retraining.resources.get("GPU", 0.0)
    memory = retraining.resources.get("memory", 0.0)
    remote = ray.remote(num_cpus=cpus, num_gpus=gpus, memory=memory, max_retries=0)(train_again)
    jobs = {}
    for number in range(1, seeds + 1):
        for trial in trials:
            assert trial.best is not None, "only scored trials are ranked"
            config = trial.config.model_copy(update={"seed": trial.config.seed + number})
            settings = (config, trial.best.epoch, retraining.data, retraining.forgetting, trial.micro_batches)
            jobs[remote.remote(*settings)] = trial.id, number
    return jobs


def collect(jobs: list[Any], seconds: float | None) -> dict[Any, Any]:
    """Return what jobs that end in time return, by reference; of any other, in words, why there is none."""
    done, late = ray.wait(jobs, num_returns=len(jobs), timeout=seconds)
    for job in late:
        ray.cancel(job, force=True)
    outcomes: dict[Any, Any] = dict.fromkeys(late, LATE)
    for job in done:
        try:
            outcomes[job] = ray.get(job)
        except ray.exceptions.RayError as error:
            outcomes[job] = str(error).strip().splitlines()[-1]
    return outcomes


def summarise_runs(trial: TrialRecord, outcomes: Sequence[Run | str], seed: int) -> Finalist:
    """Return what a finalist's runs are worth together; one that failed counts as failed, never as a score."""
    runs = [outcome for outcome in outcomes if isinstance(outcome, Run)]
    failed = tuple(outcome for outcome in outcomes if isinstance(outcome, str))
    assert trial.best is not None, "only scored trials are ranked"
    confirmation = Confirmation(
        trial=trial.id,
        epoch=trial.best.epoch,
        selected=trial.best.scores.primary,
        selected_interval=trial.best.scores.interval,
        failed=failed,
    )
    if not runs or failed:
        return Finalist(confirmation, ())
    stats = np.mean([run.stats for run in runs], axis=0)
    merit, score, tie = np.mean([run.rank for run in runs], axis=0).tolist()
    means = {
        "seeds": tuple(run.seed for run in runs),
        "scores": tuple(run.rank[1] for run in runs),
        "mean": score,
        "interval": score_interval(stats, primary_of(trial.config), seed),
        "rank": (merit, score, tie),
    }
    return Finalist(confirmation.model_copy(update=means), tuple(runs))
