"""What a network reads of a split, and how well."""

import math
from collections.abc import Sequence
from typing import Any

from train.data.batching.batches import Indices, split, worker_share
from train.data.dataset import Dataset
from train.engine import Engine, Images, World
from train.scoring.scores import VAL_LOSS, Scores
from train.tasks import Batches, Task

GENERAL = "general_"
"""What the scores on the general samples are told apart by."""


def validate(
    engine: Engine,
    task: Task,
    val: Dataset,
    general: Dataset | None,
    world: World,
    micro_batches: int = 1,
    *,
    source: Batches | None = None,
) -> dict[str, float]:
    """Return an epoch's metrics on the validation split and, where there are some, on the general samples.

    Batches come from `source`, or from the task. They are read in so many micro-batches, one after the other: the more,
    the less memory.
    """
    task = task.at_best
    scores, _, loss = evaluate_with_loss(engine, task, val, world, micro_batches, source=source)
    metrics = scores.metrics()
    if loss is not None:
        metrics[VAL_LOSS] = loss
    if general is not None:
        metrics |= evaluate_with_loss(engine, task, general, world, micro_batches, source=source)[0].metrics(
            GENERAL
        )
    return metrics


def evaluate(engine: Engine, task: Task, data: Dataset) -> tuple[Scores, list[Any]]:
    """Score every sample of a split exactly once; return the scores and the predictions in dataset order."""
    return evaluate_with_loss(engine, task, data)[:2]


def evaluate_with_loss(
    engine: Engine,
    task: Task,
    data: Dataset,
    world: World = World(),  # noqa: B008
    micro_batches: int = 1,
    *,
    source: Batches | None = None,
) -> tuple[Scores, list[Any], float | None]:
    """Return as `evaluate`, and the mean loss over the samples that have one; None if there are none."""
    predictions, losses = read(engine, task, data, world, micro_batches, source=source)
    return task.score(predictions, data), predictions, mean_loss(losses)


def mean_loss(losses: Sequence[float]) -> float | None:
    """Return the mean over the samples that have a loss; None if there are none."""
    finite = [loss for loss in losses if math.isfinite(loss)]
    return sum(finite) / len(finite) if finite else None


def read(
    engine: Engine,
    task: Task,
    data: Dataset,
    world: World = World(),  # noqa: B008
    micro_batches: int = 1,
    *,
    source: Batches | None = None,
) -> tuple[list[Any], list[float]]:
    """Return the prediction and the label's loss (`Task.losses`) of every sample, in dataset order.

    Batches come from `source`, or from the task, and are read in so many micro-batches, one after the other.
    """
    found: list[tuple[int, Any, float]] = []
    for indices in task.evaluation_batches(data, world.size):
        for mine in split(worker_share(indices, world.rank, world.size), micro_batches):
            found += judge_batch(
                task, data, mine, engine.predict((source or task).evaluation_batch(data, mine))
            )
    everyone = sorted(engine.gather(found), key=lambda sample: sample[0])
    return [prediction for _, prediction, _ in everyone], [loss for *_, loss in everyone]


def judge_batch(task: Task, data: Dataset, indices: Indices, output: Images) -> list[tuple[int, Any, float]]:
    """Return (index, prediction, loss) of samples, from what a network says of them."""
    losses = task.losses(output, data, indices).tolist()
    return list(zip(indices.tolist(), task.decode(output, data, indices), losses, strict=True))
