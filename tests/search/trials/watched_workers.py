"""Training on two Ray Train workers, each of which writes down what it sees."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train import RunConfig, ScalingConfig

from search.trials.workers import CONTROLLER, TrialTrainer
from train.backends import BACKENDS
from train.checkpoint import load_checkpoint
from train.config import TrialConfig
from train.data.dataset import Dataset
from train.engine import Batch, World
from train.engines import ENGINES
from train.loop import TrainingData, train
from train.steps.report import MakeCheckpoint, Metrics

Weights = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """What one worker saw.

    Attributes:
        metrics: of every epoch.
        batches: (epoch, lines, weight) of every batch it trained on.
        mapped: whether its pixels lie in the object store.
        folder: with a checkpoint of every epoch.
    """

    metrics: list[dict[str, float]]
    batches: list[tuple[int, list[int], float]]
    mapped: bool
    folder: Path

    def weights(self, epoch: int) -> Weights:
        return dict(load_checkpoint(self.folder / f"epoch{epoch}").state["weights"])

    def lines(self, epoch: int) -> list[int]:
        return [line for e, lines, weight in self.batches if e == epoch and weight > 0 for line in lines]


class Observer:
    """Runs on a worker, in the place of the trial's training function, and writes down what happens."""

    def __init__(
        self,
        folder: Path,
        spoil: Callable[[int, int], float] | None = None,
        left_s: tuple[float, ...] | None = None,
    ) -> None:
        """Take where to write, a function (rank, step) -> what the loss is multiplied with, and each worker's time."""
        self._folder, self._spoil, self._left_s = folder, spoil, left_s

    def __call__(self, config: TrialConfig, data: ray.ObjectRef) -> None:
        context = ray.train.get_context()
        world = World(context.get_world_rank(), context.get_world_size())
        lines: TrainingData = ray.get(data)
        pixels = lines.train.pixels
        self._mine = self._folder / str(world.rank)
        self._seen: dict[str, Any] = {"metrics": [], "batches": [], "mapped": not pixels.flags.writeable}
        self._watch(config.engine, world.rank)
        ends = time.time() + self._left_s[world.rank] if self._left_s else None
        train(config, lines, self._report, None, world, deadline=ends)

    def _watch(self, engine_name: str, rank: int) -> None:
        from train.tasks.recognition import Recognition

        watched: Any = ENGINES.get(engine_name)
        make, step, batches = Recognition.batch, watched.train_step, self._seen["batches"]
        steps = iter(range(10**6))

        def batch(task: Any, data: Dataset, indices: Any, epoch: int) -> Batch:
            batches.append([epoch, indices.tolist(), None])
            return make(task, data, indices, epoch)

        def train_step(engine: Any, batch: Batch, rate: float, update: bool) -> float:
            number = next(steps)
            batches[number][2] = batch.share
            return step(engine, batch, rate, update) * (self._spoil(rank, number) if self._spoil else 1)

        Recognition.batch, watched.train_step = batch, train_step  # type: ignore[method-assign]

    def _report(self, metrics: Metrics, make: MakeCheckpoint) -> None:
        self._seen["metrics"].append(metrics)
        make().save(self._mine / f"epoch{metrics['epoch']}")
        (self._mine / "seen.json").write_text(json.dumps(self._seen), encoding="utf-8")


def observe(settings: TrialConfig, data: ray.ObjectRef, folder: Path, **options: Any) -> list[Seen]:
    """Train on two workers; return what each saw."""
    os.environ |= CONTROLLER | os.environ
    trainer = TrialTrainer(
        partial(Observer(folder, **options), settings, data),
        backend_config=BACKENDS.get(settings.engine)(),
        scaling_config=ScalingConfig(num_workers=2, resources_per_worker={"CPU": 1}),
        run_config=RunConfig(name="observed", storage_path=str(folder)),
    )
    trainer.fit()
    files = [folder / str(rank) / "seen.json" for rank in range(2)]
    return [Seen(**json.loads(file.read_text(encoding="utf-8")), folder=file.parent) for file in files]
