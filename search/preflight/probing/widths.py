"""The width at which a model reads lines best, looked for on a sample before any training."""

from collections.abc import Sequence

import numpy as np

from train.config import TrialConfig
from train.data import images
from train.data.batching.batches import EVALUATION_BATCH, split
from train.data.batching.mixture import Subset
from train.data.dataset import Dataset
from train.engine import Engine
from train.loop import TrainingData, assemble
from train.tasks import Task

SAMPLE = 64


def choose_widths(
    config: TrialConfig, data: TrainingData, widths: Sequence[int], untrained: bool
) -> list[int]:
    """Return 0, lines' own width, and of the others the one at which a model reads a sample of the lines best.

    Args:
        config: the model, and the settings that every trial has.
        data: of whose validation split the sample is.
        widths: in pixels.
        untrained: whether the model cannot read yet: then all stay.
    """
    others = sorted({width for width in widths if width})
    if untrained or len(others) < 2:
        return [0, *others]
    engine, task = assemble(
        config.model_copy(update={"charset": "domain"}), data.train, dictionary=data.dictionary
    )
    chosen = np.linspace(0, len(data.val) - 1, min(SAMPLE, len(data.val))).astype(int)
    sample = Subset(data.val, chosen.tolist())
    return [0, max(others, key=lambda width: read_at(engine, task, sample, width))]


def read_at(engine: Engine, task: Task, data: Dataset, width_px: int) -> tuple[float, ...]:
    """Return how a network for lines of any width ranks (`Scores.rank`) on lines that are resampled before it."""
    predictions = []
    for indices in split(np.arange(len(data)), -(-len(data) // EVALUATION_BATCH)):
        lines = np.stack([images.to_width(data.image(int(index)), width_px) for index in indices])
        predictions += task.decode(engine.predict(lines), data, indices)
    return task.score(predictions, data).rank
