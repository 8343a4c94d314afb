"""A frozen backbone computes the same features in every epoch: they are computed once, and what follows learns on them.

A line's features depend on the width that its batch is padded to. Which lines share a batch in which epoch follows
from the seed, so training sees exactly the lines and paddings that it would see without the cache: each (line,
padded width) is computed at the beginning of the first epoch that needs it, together with the same others however
often a run is resumed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from train.config import TrialConfig
from train.data import images
from train.data.batching.batches import (
    EVALUATION_BATCH,
    Indices,
    Widths,
    evaluation_batches,
    worker_lines,
    worker_share,
)
from train.data.dataset import Dataset
from train.engine import BACKBONE, Batch, Engine, Features, Images, World
from train.system.machine import memory
from train.tasks import Batches, PlainBatches, Task
from train.techniques import Technique

CHUNK = 32
Padded = tuple[int, Indices]
"""A padded width in pixels, and the lines of a batch."""


@dataclass(frozen=True)
class FeatureCache:
    """Where the training loop takes its batches from.

    Attributes:
        source: of batches, which hold features if they are cached.
        needs_mb: memory of a cache for the whole run; 0 where there is nothing to cache.
        cached: whether there is a cache.
        prepare: called with an epoch before its first batch, computes what that epoch is the first to need.
    """

    source: Batches
    needs_mb: float = 0.0
    cached: bool = False
    prepare: Callable[[int], None] = lambda epoch: None

    def metrics(self) -> dict[str, float]:
        """Return what every report says of it."""
        return {"features_mb": self.needs_mb, "features_cached": float(self.cached)}

    def __str__(self) -> str:
        needs = f"the frozen backbone's features of all lines take {self.needs_mb:.1f} MB"
        if self.cached:
            return f"{needs}: computed once"
        return f"{needs}, too much of the free memory: computed anew in every epoch"


def feature_cache(
    config: TrialConfig,
    technique: Technique,
    engine: Engine,
    task: Task,
    splits: tuple[Dataset, Dataset],
    world: World,
) -> FeatureCache:
    """Return this worker's cache of the training and the validation split, in that order in `splits`; say so.

    There is none where the backbone's input or weights change, a teacher reads the images, the network has no cut, or
    the features of the whole run do not fit (`train.system.machine.memory.trial_allowance`).
    """
    plain = task.plain
    constant = backbone_is_constant(config, technique) and technique.distillation is None
    train, val = splits
    constant = constant and train.at(1) is train
    if plain is None or not engine.has_features or not constant:
        return FeatureCache(task)
    needed = plain.needed_widths(train)
    training = LineFeatures(
        engine,
        partial(plain.plain_images, train),
        partial(_training_lines, config, task, train, needed, world),
        config.epochs,
    )
    validation = LineFeatures(
        engine, partial(plain.padded, val), partial(_validation_lines, val, world), epochs=1
    )
    size = training.size() + validation.size()

    def prepare(epoch: int) -> None:
        training.prepare(epoch)
        validation.prepare(1)

    found = FeatureCache(task, size / memory.MB)
    if size <= memory.trial_allowance():
        cached = _CachedBatches(task, plain, splits, needed, (training, validation))
        found = FeatureCache(cached, size / memory.MB, cached=True, prepare=prepare)
    if world.rank == 0:
        print(found, flush=True)
    return found


def backbone_is_constant(config: TrialConfig, technique: Technique) -> bool:
    """Whether every epoch sends the same pixels, of the same lines, through a backbone that stays as it is.

    Live batch norms are no exception: those of a frozen group use their stored statistics.
    """
    plans = (technique.plan(epoch / config.epochs) for epoch in range(config.epochs))
    return unaugmented(config) and not any(plan[g] for plan in plans for g in BACKBONE)


def unaugmented(config: TrialConfig) -> bool:
    """Whether training sees every line as it is, and no others."""
    changed = config.augmentation.probability * config.augmentation.strength + config.augmentation.concat
    return not (changed or config.multi_scale or config.replay or config.synthetic)


def _training_lines(
    config: TrialConfig, task: Task, train: Dataset, needed: Indices, world: World, epoch: int
) -> Iterable[Padded]:
    """Yield this worker's part of every batch of an epoch."""
    for batch in task.training_batches(config, train, (), epoch)[1]:
        mine = worker_lines(batch, world.rank, world.size)
        yield _padded_width(needed, mine), mine


def _validation_lines(val: Dataset, world: World, epoch: int) -> Iterable[Padded]:
    for width, batch in evaluation_batches(val.widths, EVALUATION_BATCH * world.size):
        yield width, worker_share(batch, world.rank, world.size)


def _padded_width(needed: Indices | Widths, lines: Indices) -> int:
    return images.bucket_width(int(needed[lines].max()))


class LineFeatures:
    """The backbone's features of one split's lines, (C, ...) float32 for each line and padded width.

    They are computed in chunks of one width that depend on the run's batches alone: a chunk's composition decides
    how its features are rounded.
    """

    def __init__(
        self,
        engine: Engine,
        make: Callable[[Indices, int], Images],
        batches: Callable[[int], Iterable[Padded]],
        epochs: int,
    ) -> None:
        """Plan the chunks; nothing is computed yet.

        Args:
            engine: whose backbone is frozen.
            make: (lines, padded width) -> their images.
            batches: epoch, counted from 1 -> its batches.
            epochs: of the run.
        """
        self._engine, self._make, self._batches = engine, make, batches
        self._chunks: list[Padded] = []
        self._where: dict[tuple[int, int], tuple[int, int]] = {}
        self._values: dict[int, Images] = {}
        for epoch in range(1, epochs + 1):
            self._plan(batches(epoch))

    def _plan(self, batches: Iterable[Padded]) -> None:
        new: dict[int, set[int]] = {}
        for width, lines in batches:
            new.setdefault(width, set()).update(i for i in lines.tolist() if (width, i) not in self._where)
        for width, some in sorted(new.items()):
            ordered = np.array(sorted(some), np.int64)
            for start in range(0, len(ordered), CHUNK):
                chunk = ordered[start : start + CHUNK]
                rows = enumerate(chunk.tolist())
                self._where |= {(width, line): (len(self._chunks), row) for row, line in rows}
                self._chunks.append((width, chunk))

    def size(self) -> int:
        """Return the bytes that all features will take: runs one line of every width."""
        counts: dict[int, int] = {}
        for width, lines in self._chunks:
            counts[width] = counts.get(width, 0) + len(lines)
        one = {width: lines[:1] for width, lines in self._chunks}
        return sum(count * self._compute(width, one[width]).nbytes for width, count in counts.items())

    def _compute(self, width: int, lines: Indices) -> Images:
        return self._engine.features(self._make(lines, width)).values

    def prepare(self, epoch: int) -> None:
        """Compute what an epoch needs and no earlier one has."""
        needed = {self._where[width, i][0] for width, lines in self._batches(epoch) for i in lines.tolist()}
        for chunk in sorted(needed - self._values.keys()):
            self._values[chunk] = self._compute(*self._chunks[chunk])

    def take(self, lines: Indices, width: int) -> Features:
        """Return the features of lines that are padded to a width, computed by `prepare`."""
        places = [self._where[width, line] for line in lines.tolist()]
        return Features(np.stack([self._values[chunk][row] for chunk, row in places]))


class _CachedBatches:
    """A task's batches: features for the lines of the two cached splits, images for any others."""

    def __init__(
        self,
        task: Task,
        plain: PlainBatches,
        splits: tuple[Dataset, Dataset],
        needed: Indices,
        features: tuple[LineFeatures, LineFeatures],
    ) -> None:
        self._task, self._plain, self._needed = task, plain, needed
        self._train, self._val = splits
        self._training, self._validation = features

    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Return the features of unaugmented lines, and their labels."""
        if data is not self._train:
            return self._task.batch(data, indices, epoch)
        width = _padded_width(self._needed, indices)
        return Batch(self._training.take(indices, width), self._plain.targets(data, indices))

    def evaluation_batch(self, data: Dataset, indices: Indices) -> Images | Features:
        """Return the features of lines in their bucket."""
        if data is not self._val:
            return self._task.evaluation_batch(data, indices)
        return self._validation.take(indices, _padded_width(data.widths, indices))
