"""The epoch loop: the one way in which anything is trained, whoever asks.

It knows no model, technique or framework by name: it asks the registries.
"""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data import images
from train.data.batches import evaluation_batches, training_batches, worker_share
from train.data.charset import Charset, domain_charset
from train.data.dataset import Dataset
from train.engines import ENGINES
from train.engines.base import Batch, Engine, Images, World
from train.errors import DivergedError, UsageError
from train.metrics import Scores
from train.models import MODELS
from train.schedule import learning_rate_factor
from train.tasks import TASKS, Task
from train.techniques import build_technique

CALIBRATION_LINES = 48
EVALUATION_BATCH = 32
EXPLODED = 5.0  # times the loss of taking every class for equally likely at every step

Report = Callable[[dict[str, float], Callable[[], Checkpoint]], None]


@dataclass(frozen=True)
class TrainingData:
    """The splits that training sees; the test split never comes here."""

    train: Dataset
    val: Dataset


def train(
    config: TrialConfig,
    data: TrainingData,
    report: Report,
    resume: Checkpoint | None = None,
    world: World = World(),  # noqa: B008 - frozen
) -> None:
    """Train one configuration, reporting after every epoch.

    Args:
        config: what to train.
        data: decoded training and validation lines.
        report: called with metrics and a function that makes the epoch's checkpoint.
        resume: the checkpoint to continue from, bit for bit.
        world: the workers that train together; each computes its share of every batch.

    Raises:
        DivergedError: as soon as the loss is NaN, infinite or exploded.
    """
    engine, task = assemble(config, data.train, resume, world)
    technique = build_technique(config.technique)
    for epoch in range((resume.epoch if resume else 0) + 1, config.epochs + 1):
        started = time.monotonic()
        engine.apply_plan(technique.plan((epoch - 1) / config.epochs))
        loss = _train_epoch(engine, task, config, data.train, epoch, world)
        trained = time.monotonic()
        scores, _, val_loss = evaluate_with_loss(engine, task, data.val, world)
        metrics = {
            "epoch": epoch,
            "loss": loss,
            "exact_match": scores.exact_match,
            "edit_similarity": scores.edit_similarity,
            "cer": scores.cer,
            "train_seconds": trained - started,
            "epoch_seconds": time.monotonic() - started,
        } | ({} if val_loss is None else {"val_loss": val_loss})
        report(metrics, partial(_checkpoint, config, engine, epoch, metrics))


def _checkpoint(config: TrialConfig, engine: Engine, epoch: int, metrics: dict[str, float]) -> Checkpoint:
    return Checkpoint(config, engine.charset, epoch, metrics, engine.state())


def assemble(
    config: TrialConfig,
    train_data: Dataset,
    resume: Checkpoint | None = None,
    world: World = World(),  # noqa: B008
) -> tuple[Engine, Task]:
    """Build engine and task of a configuration, untrained or as a checkpoint left them."""
    engine_class = ENGINES.get(config.engine)
    if config.task not in engine_class.tasks:
        tasks = ", ".join(engine_class.tasks)
        raise UsageError(
            f"task must be one of the engine {config.engine}'s: {tasks}", config.task, "set `task:`"
        )
    charset = resume.charset if resume else charset_for(config, train_data)
    calibration = None if resume else calibration_batch(train_data, config.seed)
    engine = engine_class(config, charset, calibration, world)
    if resume:
        engine.load(resume.state)
    return engine, TASKS.get(config.task)(config, charset)


def charset_for(config: TrialConfig, train_data: Dataset) -> Charset:
    """Return the characters to read: the model's and the data's, or the data's alone."""
    if config.charset == "domain":
        return domain_charset(train_data.texts)
    weights = Path(config.weights) if config.weights else None
    return MODELS.get(config.model).charset(weights).extended(train_data.texts)


def calibration_batch(data: Dataset, seed: int) -> Images:
    """Return a seeded handful of training lines of similar width, (N, 3, 48, W)."""
    rng = np.random.default_rng(seed)
    some = rng.choice(len(data), min(4 * CALIBRATION_LINES, len(data)), replace=False)
    some = some[np.argsort(data.widths[some])][-CALIBRATION_LINES - len(some) // 2 :][:CALIBRATION_LINES]
    lines = [data.image(int(i)) for i in some]
    return images.to_batch(lines, images.bucket_width(max(line.shape[1] for line in lines)))


def _train_epoch(
    engine: Engine, task: Task, config: TrialConfig, data: Dataset, epoch: int, world: World
) -> float:
    """Train one epoch and return the mean loss per line over all workers."""
    batches = training_batches(data.widths, config.batch_size, config.seed, epoch)
    limit = _loss_limit(config, engine.charset, data)
    losses: list[tuple[float, float]] = []
    for position, batch in enumerate(_prefetch(task, data, batches, epoch, world)):
        progress = (epoch - 1 + position / len(batches)) / config.epochs
        rate = config.optimiser.learning_rate * learning_rate_factor(config.schedule, progress)
        last = position + 1 == len(batches)
        update = last or (position + 1) % config.optimiser.accumulate == 0
        loss = engine.train_step(batch, rate, update)
        lines = batch.share * len(batches[position]) / world.size
        # Gathered at every step, so that all workers end together when one of them diverges.
        everyone = engine.gather([(loss, lines)])
        _check_losses([loss for loss, _ in everyone], limit, f"epoch {epoch}, batch {position + 1}", rate)
        losses += everyone
    engine.synchronise()
    return sum(loss * lines for loss, lines in losses) / sum(lines for _, lines in losses)


def _loss_limit(config: TrialConfig, charset: Charset, data: Dataset) -> float:
    """Return the loss per line that no training comes back from, the same for all workers."""
    width = config.fit_width or images.bucket_width(int(data.widths.max()))
    steps = MODELS.get(config.model).steps(width)
    return EXPLODED * steps * math.log(charset.classes)


def _check_losses(losses: list[float], limit: float, place: str, rate: float) -> None:
    for loss in losses:
        if not math.isfinite(loss) or loss > limit:
            raise DivergedError(
                f"the loss must stay finite and under {limit:.4g}",
                f"loss={loss:.4g} in {place}, learning rate {rate:.3g}",
                "lower the learning rate or freeze more",
            )


def _prefetch(task: Task, data: Dataset, batches: list[Any], epoch: int, world: World) -> Iterator[Batch]:
    """Yield this worker's share of every batch, the next one prepared while one is trained on."""

    def prepare(indices: Any) -> Batch:
        mine = worker_share(indices, world.rank, world.size)
        # A batch with fewer lines than workers leaves some without: they repeat one at no weight.
        batch = task.batch(data, mine if len(mine) else indices[:1], epoch)
        return replace(batch, share=len(mine) * world.size / len(indices))

    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(prepare, batches[0])
        for following in batches[1:]:
            batch = upcoming.result()
            upcoming = pool.submit(prepare, following)
            yield batch
        yield upcoming.result()


def evaluate(
    engine: Engine,
    task: Task,
    data: Dataset,
    world: World = World(),  # noqa: B008
) -> tuple[Scores, list[Any]]:
    """Score every line of a split exactly once; return the scores and the predictions in dataset order."""
    return evaluate_with_loss(engine, task, data, world)[:2]


def evaluate_with_loss(
    engine: Engine, task: Task, data: Dataset, world: World
) -> tuple[Scores, list[Any], float | None]:
    """Evaluate and return also the mean loss over the lines that have one; None if there are none."""
    found: list[tuple[int, Any, float]] = []
    for width, indices in evaluation_batches(data.widths, EVALUATION_BATCH * world.size):
        mine = worker_share(indices, world.rank, world.size)
        if len(mine):
            output = engine.predict(task.evaluation_batch(data, mine, width))
            losses = task.losses(output, data, mine).tolist()
            found += zip(mine.tolist(), task.decode(output), losses, strict=True)
    everyone = sorted(engine.gather(found), key=lambda line: line[0])
    predictions = [prediction for _, prediction, _ in everyone]
    finite = [loss for *_, loss in everyone if math.isfinite(loss)]
    return task.score(predictions, data), predictions, sum(finite) / len(finite) if finite else None
