"""What a network costs here: the time and memory of its training steps, and of an export that is tried."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray

from search.preflight.cost import Measured
from search.preflight.space import list_models
from search.storage.scratch import scratch_folder
from spaces.space import SearchSpace
from train.bundle import ONNX
from train.config import TechniqueConfig, TrialConfig, config_from_mapping
from train.data.batching.batches import Indices, Widths, padded, training_batches
from train.engine import Engine
from train.engines import ENGINES
from train.errors import ParityError
from train.export import parity_gate
from train.loop import TrainingData, assemble
from train.models import MODELS
from train.system.dotted import nest
from train.system.machine import memory
from train.tasks import TASKS, Task
from train.techniques import uniform

LayerPlan = dict[str, float]
"""Layer group -> how fast it learns."""
EVERYTHING = uniform(1.0)
HEAD_ONLY = uniform(0.0) | {"neck": 1.0, "head": 1.0}
WAIT_SHARE = 0.05
"""Of a time budget, that trials wait for a rehearsal after the models have been read."""


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


@dataclass(frozen=True)
class Rehearsal:
    """What building and exporting a network took in a process of its own, in CPU seconds.

    The clock would count other work, too, which says nothing of the time at the end. Waiting for a disk or a GPU is not
    counted.

    Attributes:
        build_s: until the network stood, its framework loaded.
        export_s: until it was written and compared.
    """

    build_s: float
    export_s: float


def begin_rehearsals(space: SearchSpace, shared: Any, study: str) -> Sequence[ray.ObjectRef]:
    """Begin to export the largest model of a space, with every engine that a trial may have; return Ray's tasks.

    An engine that trains adapters alone is left out: its networks are too large for a second copy, and their export
    writes little.

    Args:
        space: as the command line narrows it.
        shared: reference to the study's TrainingData.
        study: path of the study's folder in its storage.
    """
    engines = [str(engine) for engine in space.choices("engine") or (TrialConfig().engine,)]
    fixed = dict(space.fixed) | choose_largest(space)
    # An idle process would hold two frameworks; one that was ended for its memory would be again.
    remote = ray.remote(num_cpus=1, max_calls=1, max_retries=0)(rehearse)
    return [
        remote.remote(config_from_mapping(nest(fixed | {"engine": engine}), "space"), shared, study)
        for engine in engines
        if ENGINES.get(engine).merges
    ]


def choose_largest(space: SearchSpace) -> dict[str, str]:
    """Return the settings of the largest network that a space may choose: the model's file, and the dictionary.

    The size of a model that no wheel has is not known before it is read: such a one is taken only if all are.
    """
    model = max(list_models(space), key=lambda name: MODELS.get(name).wheel_bytes)
    return {"model": model} | ({"charset": "keep"} if "keep" in space.choices("charset") else {})


def rehearse(config: TrialConfig, data: TrainingData, study: str) -> Rehearsal:
    """Build a network as published, export it and run the parity gate, whose verdict only counts for the winner."""
    started = time.process_time()
    plain = config.model_copy(update={"technique": TechniqueConfig()})
    engine, task = assemble(plain, data.train, dictionary=data.dictionary)
    built = time.process_time()
    with scratch_folder(study) as folder:  # the study's trials remove what one that is late leaves
        if ONNX not in engine.export(folder):
            with suppress(ParityError):
                parity_gate(engine, task, folder / ONNX, data.val)
    return Rehearsal(built - started, time.process_time() - built)


def find_slowest(tasks: Sequence[ray.ObjectRef], most_s: float) -> Rehearsal | None:
    """Return the rehearsal that took longest; None without any, or where one failed or is late, which is printed.

    It is only an estimate, and trials wait for it: so none is waited for longer than `most_s`.

    Args:
        tasks: what `begin_rehearsals` has begun.
        most_s: how long to wait for them.
    """
    found, late = ray.wait([*tasks], num_returns=len(tasks), timeout=most_s) if tasks else ([], [])
    for task in late:
        ray.cancel(task, force=True)
    try:
        slowest = max(ray.get(found), key=lambda one: one.build_s + one.export_s, default=None)
        reason = "it takes longer than the models' readings" if late else ""
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines()
        reason = lines[-1 if isinstance(error, ray.exceptions.RayTaskError) else 0]
    if reason:
        print(f"the export could not be tried, so time is kept for a long one: {reason}", flush=True)
        return None
    return slowest
