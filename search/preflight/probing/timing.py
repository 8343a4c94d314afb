"""What a network's training steps cost here: time and memory."""

import time
from collections.abc import Sequence

import numpy as np

from search.preflight.cost import Measured
from train.config import TrialConfig
from train.data.batching.batches import Indices, Widths, padded, training_batches
from train.engine import Engine
from train.loop import TrainingData
from train.system.machine import memory
from train.tasks import TASKS, Task
from train.techniques import uniform

LayerPlan = dict[str, float]
"""Layer group -> how fast it learns."""
EVERYTHING = uniform(1.0)
HEAD_ONLY = uniform(0.0) | {"neck": 1.0, "head": 1.0}


def list_timed_plans(starts: int) -> list[tuple[LayerPlan, ...]]:
    """Return the plans to time at each start: at the first, as published, and at the last, as trials start."""
    return [(EVERYTHING,), *[()] * (starts - 2), (EVERYTHING, HEAD_ONLY)][-starts:]


def measure_steps(
    engine: Engine,
    config: TrialConfig,
    data: TrainingData,
    read_s: float,
    plans: Sequence[LayerPlan],
    fit_widths: Sequence[int],
) -> Measured:
    """Time a network's training steps under these plans, and watch what memory they take."""
    task = TASKS.get(config.task)(config, engine.charset)
    pixels = _pixels(task, data, choose_usual_images(data.train.widths, task.timed))
    read_peak = memory.peak_bytes()
    memory.give_back()  # what reading took would be taken again, and not count for the steps
    before = memory.own_bytes()
    memory.reset_peak()
    full, frozen, *_ = (*(_step_seconds(engine, task, data, plan) for plan in plans), 0.0, 0.0)
    step_peak = memory.peak_bytes()
    largest = _largest(config, engine, fit_widths, data)
    return Measured(read_s, full, frozen, pixels, largest, before, read_peak, step_peak)


def _pixels(task: Task, data: TrainingData, indices: Indices) -> int:
    """Return how many pixels a training batch of these images has, padding included."""
    images = task.batch(data.train, indices, epoch=1).images
    assert isinstance(images, np.ndarray)
    return int(images.size // images.shape[1])


def _largest(
    config: TrialConfig, engine: Engine, fit_widths: Sequence[int], data: TrainingData
) -> dict[int, int]:
    """Return the pixels of the largest training image as a batch holds it, for each width of lines and their own."""
    timed = TASKS.get(config.task).timed
    widest = np.argsort(data.train.widths)[-timed:]
    configs = [config.model_copy(update={"fit_width": width}) for width in {0, *fit_widths}]
    tasks = [TASKS.get(config.task)(one, engine.charset) for one in configs]
    return {
        one.fit_width: _pixels(task, data, widest) // len(widest)
        for one, task in zip(configs, tasks, strict=True)
    }


def choose_usual_images(widths: Widths, count: int) -> Indices:
    """Return `count` images, fewer of fewer, that make a batch as wide as those of an epoch are in the mean.

    An epoch's batches are padded to their widest image: of 300 receipt lines that is 1.8 times the median line's width.

    Args:
        widths: (N,) int32, pixels.
        count: how many.
    """
    own = padded(widths)
    batches = training_batches(widths, TrialConfig().batch_size, seed=0, epoch=1)
    mean = np.average([own[batch].max() for batch in batches], weights=[len(batch) for batch in batches])
    order = np.argsort(widths, kind="stable")
    nearest = own[np.argmin(np.abs(own - mean))]
    last = int(np.searchsorted(own[order], nearest, side="right"))
    return order[max(0, last - count) :][:count]


def _step_seconds(engine: Engine, task: Task, data: TrainingData, plan: LayerPlan) -> float:
    """Return the seconds per sample of a training step on images of usual width: the faster one after the first."""
    usual = choose_usual_images(data.train.widths, task.timed)
    engine.apply_plan(plan)
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        engine.train_step(task.batch(data.train, usual, epoch=1), learning_rate=0.0, update=False)
        seconds.append(time.monotonic() - started)
    return min(seconds[1:]) / len(usual)
