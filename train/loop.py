"""The epoch loop: the one way in which anything is trained.

It knows no model, technique or framework by name: it asks the registries.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count
from pathlib import Path

from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.batching.mixture import Extra, require_extras
from train.data.charset import Charset
from train.data.dataset import Dataset
from train.data.folders.documents import Documents
from train.engine import Engine, World
from train.engines import ENGINES
from train.scoring.scores import Scores
from train.steps.epoch import loss_limit, train_epoch
from train.steps.feature_cache import FeatureCache, feature_cache
from train.steps.fits import check_fits
from train.steps.micro_batches import count_parts, prepared_steps, within_memory
from train.steps.position import Watch, watch_nothing, watch_steps
from train.steps.report import Metrics, Report, SeldomReport
from train.steps.schedule import Best, ScheduleHorizon, fit_horizon
from train.steps.teacher import check_teacher, read_by_teacher
from train.steps.validation import evaluate, validate
from train.tasks import TASKS, Task
from train.techniques import build_technique


@dataclass(frozen=True)
class TrainingData:
    """The splits that training sees; the test split never comes here.

    Attributes:
        general: lines of other kinds, read after every epoch to see what is forgotten; None for none.
        replay: more of them, with other texts, for a share of every batch; None for none.
        synthetic: drawn lines, for a share of every batch; None for none.
        dictionary: characters that the network is to write whatever the labels hold; none for the labels' alone.
        documents: what each image is of; empty where no documents are known.
    """

    train: Dataset
    val: Dataset
    general: Dataset | None = None
    replay: Dataset | None = None
    synthetic: Dataset | None = None
    dictionary: tuple[str, ...] = field(default=(), kw_only=True)
    documents: Documents = field(default_factory=dict, kw_only=True)

    def documents_in(self, data: Dataset) -> tuple[str, ...] | None:
        """Return of which document each of some images is; None where no documents are known."""
        if not self.documents:
            return None
        return tuple(self.documents.get(Path(source), source) for source in data.sources)


def train(
    config: TrialConfig,
    data: TrainingData,
    report: Report,
    resume: Checkpoint | None = None,
    world: World = World(),  # noqa: B008 - frozen
    micro_batches: int = 1,
    *,
    deadline: float | None = None,
    watch: Watch = watch_nothing,
) -> None:
    """Train one configuration, reporting after every epoch, until its last one or until its patience is over.

    Args:
        config: what to train.
        data: decoded training and validation lines.
        report: called with an epoch's metrics and a function that makes its checkpoint; of some epochs, if it is a
            SeldomReport.
        resume: the checkpoint to continue from, bit for bit.
        world: the workers that train together; each computes its share of every batch.
        micro_batches: in which a worker computes its share, one after the other, before it steps: the more, the less
            memory.
        deadline: Unix time by which the schedule has to end: a run that proves too slow gets fewer epochs
            (`ScheduleHorizon`), which its reports say; None for all of them.
        watch: called after every batch; it must take no time, and raise nothing.

    Raises:
        MemoryShortError: if a micro-batch does not fit into memory.
        DivergedError: as soon as the loss is NaN, infinite or exploded.
        UsageError: before training, for lines that are not in `data`, or a teacher that cannot teach.
    """
    check_teacher(config)
    assert not (config.patience and isinstance(report, SeldomReport)), "patience needs every epoch's report"
    within_memory(
        config,
        micro_batches,
        partial(_train, config, data, report, resume, world, micro_batches, deadline=deadline, watch=watch),
    )


def _train(
    config: TrialConfig,
    data: TrainingData,
    report: Report,
    resume: Checkpoint | None,
    world: World,
    micro_batches: int,
    *,
    deadline: float | None,
    watch: Watch,
) -> None:
    engine, task = assemble_run(config, data, resume, world)
    extras = _writable_sets(config, data, engine, task)
    technique = build_technique(config.technique)
    best = Best(task.scores.names[:2]).from_metrics(resume.metrics if resume and config.patience else {})
    cache = _cache(config, engine, task, data, world, micro_batches)
    source = read_by_teacher(cache.source, config, engine.charset)
    horizon = ScheduleHorizon.from_metrics(resume.metrics if resume else {}, config.epochs)
    for epoch in count((resume.epoch if resume else 0) + 1):
        if epoch > horizon.epochs or best.out_of_patience(epoch - 1, config.patience):
            return
        started = time.monotonic()
        engine.apply_plan(technique.plan(horizon.progress(epoch - 1)))
        engine.begin_epoch(epoch)
        cache.prepare(epoch)
        prepared = time.monotonic()
        lines, whole = task.training_batches(config, data.train, extras, epoch)
        drawn = lines, whole[: horizon.count_batches(epoch, len(whole))]
        parts = count_parts(task, config, *drawn, micro_batches, world.size)
        steps = prepared_steps(source, drawn, epoch, world, parts)
        steps = watch_steps(steps, watch, epoch, horizon.epochs, len(drawn[1]))
        progress = horizon.of_batches(epoch, len(drawn[1]))
        loss = train_epoch(engine, config, steps, progress, epoch, loss_limit(config, task, drawn[0]))
        trained = time.monotonic()
        metrics = {"epoch": epoch, "loss": loss, "train_seconds": trained - started, **cache.metrics()}
        if is_due := not isinstance(report, SeldomReport) or report.is_due(epoch, horizon.epochs):
            metrics |= validate(engine, task, data.val, data.general, world, micro_batches, source=source)
            best = best.after(metrics)
        metrics |= {"epoch_seconds": time.monotonic() - started} | (best.metrics() if config.patience else {})
        again = prepared - started if epoch > 1 else 0.0  # the first epoch prepares what all of them need
        took = trained - prepared, time.monotonic() - trained + again
        horizon = fit_horizon(horizon, engine, epoch, took, deadline, most=config.epochs, batches=len(whole))
        metrics |= horizon.metrics()
        if is_due:
            report(metrics, partial(_checkpoint, config, engine, epoch, metrics))


def _cache(
    config: TrialConfig, engine: Engine, task: Task, data: TrainingData, world: World, micro_batches: int
) -> FeatureCache:
    """Return the cache of features; none for micro-batches.

    Features belong to lines as a whole batch pads them; and where memory is short none are kept.
    """
    if micro_batches > 1:
        return FeatureCache(task)
    technique = build_technique(config.technique)
    return feature_cache(config, technique, engine, task, (data.train, data.val), world)


def extra_sets(config: TrialConfig, data: TrainingData) -> list[Extra]:
    """Return the sets beside the training lines that a configuration may draw from."""
    return [
        Extra("replay", config.replay, data.replay),
        Extra("synthetic", config.synthetic, data.synthetic, teaches=True),
    ]


def published_scores(config: TrialConfig, data: TrainingData) -> Scores | None:
    """Return how the model as published does on the general samples; None without any."""
    if data.general is None:
        return None
    published = config.model_copy(update={"charset": "keep", "fit_width": 0})
    engine, task = assemble(published, data.train)
    return evaluate(engine, task.at_best, data.general)[0]


def _checkpoint(
    config: TrialConfig, engine: Engine, epoch: int, metrics: Metrics, more: Metrics | None = None
) -> Checkpoint:
    horizon = ScheduleHorizon.from_metrics(metrics, config.epochs)
    return Checkpoint(
        horizon.as_trained(config), engine.charset, epoch, {**metrics, **(more or {})}, engine.state()
    )


def assemble_run(
    config: TrialConfig,
    data: TrainingData,
    resume: Checkpoint | None = None,
    world: World = World(),  # noqa: B008
) -> tuple[Engine, Task]:
    """Build engine and task as a run starts with them: able to write what it is to learn from further sets."""
    return assemble(config, data.train, resume, world, list_taught_sets(config, data), data.dictionary)


def _writable_sets(config: TrialConfig, data: TrainingData, engine: Engine, task: Task) -> list[Extra]:
    """Return the further sets to draw from, without what the network cannot write."""
    extras = require_extras(extra_sets(config, data))
    return [extra.writable(engine.charset) for extra in extras] if task.spells else extras


def list_taught_sets(config: TrialConfig, data: TrainingData) -> list[Dataset]:
    """Return the further sets whose characters the network is to learn."""
    return [extra.lines for extra in require_extras(extra_sets(config, data)) if extra.teaches]


def assemble(
    config: TrialConfig,
    train_data: Dataset,
    resume: Checkpoint | None = None,
    world: World = World(),  # noqa: B008
    extras: Sequence[Dataset] = (),
    dictionary: Sequence[str] = (),
) -> tuple[Engine, Task]:
    """Build engine and task of a configuration, untrained or as a checkpoint left them.

    The network learns to write the characters of `extras`, too, and has those of `dictionary`.
    """
    check_fits(config)
    charset = resume.charset if resume else charset_for(config, train_data, extras, dictionary)
    task = TASKS.get(config.task)(config, charset)
    calibration = None if resume else task.calibration_batch(train_data, config.seed)
    engine = ENGINES.get(config.engine)(config, charset, calibration, world)
    if resume:
        engine.load(resume.state)
    return engine, task


def charset_for(
    config: TrialConfig, train_data: Dataset, extras: Sequence[Dataset] = (), dictionary: Sequence[str] = ()
) -> Charset:
    """Return the characters to write: the model's and the data's, or the data's alone; none for some tasks.

    With a dictionary, the data's are its characters and what the labels add to them.
    """
    texts = list(chain.from_iterable(part.texts for part in (train_data, *extras)))
    return TASKS.get(config.task).charset(config, texts, dictionary)
