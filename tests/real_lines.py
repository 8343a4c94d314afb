"""A few real lines of the labelled data, decoded, and the short configurations that tests train on them."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from train.checkpoint import Checkpoint
from train.config import TrialConfig, config_from_mapping
from train.data import images
from train.data.dataset import Dataset, decode_samples
from train.data.formats.loading import load_file
from train.data.sample import Sample
from train.engine import Batch, World
from train.engines import ENGINES
from train.engines.choice import holds
from train.loop import TrainingData, train
from train.steps.micro_batches import prepared_steps
from train.steps.report import MakeCheckpoint, Metrics
from train.tasks import Batches

Epoch = tuple[Metrics, Checkpoint]
SETTINGS: dict[str, Any] = {
    "model": "pp-ocrv6-tiny",
    "epochs": 2,
    "batch_size": 4,
    "schedule": {"name": "constant", "warmup": 0.0},
    "augmentation": {"probability": 0.5},
}
RECOGNISERS = [name for name in ENGINES.names() if holds(name, [SETTINGS["model"]])]


def config(**changes: Any) -> TrialConfig:
    """Return SETTINGS with `changes`."""
    return config_from_mapping(SETTINGS | changes, "test")


def samples(data_dir: Path, name: str = "vin", split: str = "train", count: int = 8) -> list[Sample]:
    return load_file(data_dir / name / f"rec_gt_{split}.txt", {})[:count]


def lines(data_dir: Path, name: str = "vin", split: str = "train", count: int = 8) -> Dataset:
    return decode_samples(samples(data_dir, name, split, count))


def few_lines(data_dir: Path, train: int = 8, val: int = 4) -> TrainingData:
    return TrainingData(lines(data_dir, count=train), lines(data_dir, split="val", count=val))


def narrow_lines(data_dir: Path, split: str, count: int, widths: set[int]) -> Dataset:
    """Return the first VIN lines that are padded to one of these widths."""
    found = load_file(data_dir / "vin" / f"rec_gt_{split}.txt", {})
    narrow = (
        s for s in found if images.bucket_width(images.resize_line(images.read(s.path)).shape[1]) in widths
    )
    return decode_samples(list(islice(narrow, count)))


def padded(data: Dataset, indices: Sequence[int] | None = None) -> images.Image:
    """Return (N, 3, 48, W) float32 in [-1, 1] of lines padded to the widest one's bucket."""
    chosen = range(len(data)) if indices is None else indices
    width = images.bucket_width(max(int(data.widths[i]) for i in chosen))
    return images.to_batch([data.image(i) for i in chosen], width)


class InterruptedRunError(Exception):
    """Ends a run from inside its report, as Tune does."""


def run(
    settings: TrialConfig,
    data: TrainingData,
    resume: Checkpoint | None = None,
    stop_after: int = 10**6,
    deadline: float | None = None,
) -> list[Epoch]:
    """Train and return every epoch's metrics and checkpoint; a run can be interrupted after an epoch."""
    epochs: list[Epoch] = []

    def report(metrics: Metrics, make: MakeCheckpoint) -> None:
        epochs.append((metrics, make()))
        if metrics["epoch"] >= stop_after:
            raise InterruptedRunError

    with suppress(InterruptedRunError):
        train(settings, data, report, resume, deadline=deadline)
    return epochs


def whole_batches(
    source: Batches,
    data: Dataset,
    batches: list[Any],
    epoch: int,
    world: World = World(),  # noqa: B008 - frozen
) -> list[Batch]:
    """Return a worker's share of every batch as training prepares it, each whole."""
    return [
        step.batches[0] for step in prepared_steps(source, (data, batches), epoch, world, [1] * len(batches))
    ]
