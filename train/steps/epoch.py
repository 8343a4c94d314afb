"""One epoch: a step for each batch, at the learning rate of its place in the run; a loss beyond return ends it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from train.config import TrialConfig
from train.data.dataset import Dataset
from train.engine import Engine
from train.errors import DivergedError
from train.steps.micro_batches import Step
from train.steps.schedule import learning_rate_factor
from train.tasks import Task
from train.techniques import build_technique


def train_epoch(
    engine: Engine,
    config: TrialConfig,
    steps: Iterable[Step],
    progress: Sequence[float],
    epoch: int,
    limit: float,
) -> float:
    """Train one epoch; return the mean loss per sample over all workers.

    Args:
        engine: trains.
        config: the run's.
        steps: one for each batch.
        progress: through the run, in [0, 1], before each batch.
        epoch: its number, for messages.
        limit: loss per sample above which training has failed.

    Raises:
        DivergedError: a loss is not finite, or above `limit`.
    """
    losses: list[tuple[float, float]] = []
    accumulate = config.optimiser.accumulate
    for position, step in enumerate(steps):
        rate = config.optimiser.learning_rate * learning_rate_factor(config.schedule, progress[position])
        group = position - position % accumulate
        held = min(accumulate, len(progress) - group)
        update = position + 1 == group + held
        # The engine divides by `accumulate`: the gradients of an epoch's last group are the mean over what it holds.
        batches = [replace(batch, share=batch.share * accumulate / held) for batch in step.batches]
        found = [
            (engine.train_step(batch, rate, update and batch is batches[-1]), samples)
            for batch, samples in zip(batches, step.samples, strict=True)
        ]
        # Gathered at every step, so that all workers end together when one of them diverges.
        everyone = engine.gather(found)
        _check_losses([loss for loss, _ in everyone], limit, f"epoch {epoch}, batch {position + 1}", rate)
        losses += everyone
    engine.synchronise()
    return sum(loss * samples for loss, samples in losses) / sum(samples for _, samples in losses)


def loss_limit(config: TrialConfig, task: Task, data: Dataset) -> float:
    """Return the loss per sample that no training comes back from, the same for all workers."""
    distillation = build_technique(config.technique).distillation
    weight = distillation.labels_weight + distillation.teacher_weight if distillation else 1.0
    return task.loss_limit(data) * weight


def _check_losses(losses: list[float], limit: float, place: str, rate: float) -> None:
    for loss in losses:
        if not math.isfinite(loss) or loss > limit:
            raise DivergedError(
                f"the loss must stay finite and under {limit:.4g}",
                f"loss={loss:.4g} in {place}, learning rate {rate:.3g}",
                "lower the learning rate or freeze more",
            )
