"""How long an exported network takes for an image: measured in onnxruntime, once for each architecture.

Weights do not change it, so it is measured before the first trial, on the pretrained networks, while nothing else runs.
"""

import tempfile
import time
from collections.abc import Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import ray
from pydantic import TypeAdapter

from search.records.evidence import Architecture, Latencies, Latency, find_architecture
from spaces.parameter import Choice
from spaces.space import SearchSpace
from train.bundle import INT8, ONNX
from train.config import TrialConfig, config_from_mapping
from train.data.dataset import Dataset
from train.errors import UsageError
from train.loop import TrainingData, assemble
from train.quantise import calibration_batches
from train.system.dotted import flatten, nest
from train.system.files import read_valid, write_whole
from train.system.onnx_session import CPU, open_session, run
from train.tasks import TASKS, Task

IMAGES, WARM_UP, REPEATS = 16, 2, 9
REMEDY = "delete it: they are measured anew"
_KEPT = TypeAdapter(tuple[tuple[Architecture, Latency], ...])


def list_architectures(space: SearchSpace) -> list[TrialConfig]:
    """Return a configuration for every architecture of a space; raise UsageError if they cannot be counted."""
    task = str(space.fixed.get("task", TrialConfig().task))
    keys = TASKS.get(task).architecture
    usual = flatten(TrialConfig().model_dump())
    choices: list[list[Any]] = []
    for key in keys:
        domains = [parameter.domain for parameter in space.parameters if parameter.key == key]
        values = [value for domain in domains if isinstance(domain, Choice) for value in domain.values]
        if any(not isinstance(domain, Choice) for domain in domains):
            raise UsageError(
                f"--objectives accuracy,latency needs choices for {key}, which decides the time of a network",
                f"a range in the space {space.name}",
                f"write `{key}: {{choice: [...]}}`",
            )
        choices.append(list(dict.fromkeys(values)) or [space.fixed.get(key, usual.get(key))])
    return [config_from_mapping(nest(dict(space.fixed) | dict(zip(keys, values, strict=True))), f"space {space.name}")
            for values in product(*choices)]  # fmt: skip


def take_latencies(space: SearchSpace, shared: Any, file: Path, *, resume: bool, int8: bool) -> Latencies:
    """Return the latency of every architecture of a space, and of those that a resumed study has kept in the file.

    By these its trials are compared, those too whose models the time that is left now rules out.
    """
    begun = resume and file.is_file()
    rows = read_valid(file, REMEDY, _KEPT) if begun else ()
    kept: Latencies = dict(rows)
    missing = [config for config in list_architectures(space) if find_architecture(config) not in kept]
    latencies = kept | measure_latencies(missing, shared, int8)
    write_whole(file, _KEPT.dump_json(tuple(latencies.items())), durable=True)
    return latencies


def measure_latencies(configs: Sequence[TrialConfig], shared: Any, int8: bool = False) -> Latencies:
    """Measure architectures, one after the other, and print what they take.

    Args:
        configs: one of each.
        shared: reference to the study's TrainingData.
        int8: whether it is to be served in 8 bits, where that is faster.
    """
    remote = ray.remote(num_cpus=1)(measure)
    latencies: Latencies = {}
    for config in configs:
        latencies[find_architecture(config)] = latency = ray.get(remote.remote(config, shared, int8))
        settings = ", ".join(f"{key} {value}" for key, value in zip(
            TASKS.get(config.task).architecture, find_architecture(config), strict=True))  # fmt: skip
        print(
            f"latency: {latency.ms:.1f} ms ({latency.low:.1f}-{latency.high:.1f})  {settings}, {latency.precision}",
            flush=True,
        )
    return latencies


def measure(config: TrialConfig, data: TrainingData, int8: bool = False) -> Latency:
    """Export a pretrained network and time it, with `int8` in 8 bits, too; raise UsageError for one without a graph."""
    engine, task = assemble(config, data.train, dictionary=data.dictionary)
    with tempfile.TemporaryDirectory() as folder:
        absent = engine.export(Path(folder))
        if ONNX in absent:
            raise UsageError("latency is measured in onnxruntime", absent[ONNX], "leave out --objectives")
        graphs = [Path(folder) / ONNX]
        if int8:
            graphs += write_in_8_bits(graphs[0], Path(folder) / INT8, task, data.train)
        sessions = [open_session(graph, 1, [CPU]) for graph in graphs]
    timed = [time_session(one, task, data.val) for one in sessions]
    timed[1:] = [one.model_copy(update={"precision": "int8"}) for one in timed[1:]]
    return min(timed, key=lambda found: found.ms)


def write_in_8_bits(graph: Path, target: Path, task: Task, data: Dataset) -> list[Path]:
    """Write a graph with every part in 8 bits that gains by it; return its file, an empty list if no part does."""
    from train.int8.mixed_graphs import write_mixed_graphs

    return [target for _ in islice(write_mixed_graphs(graph, target, calibration_batches(task, data)), 1)]


def time_session(session: Any, task: Task, data: Dataset) -> Latency:
    """Return what a session takes for a few images of a dataset, evenly spread, one at a time."""
    some = np.linspace(0, len(data) - 1, min(len(data), IMAGES)).astype(int)
    batches = [task.evaluation_batch(data, np.array([index])) for index in some]
    rounds = []
    for _ in range(WARM_UP + REPEATS):
        seconds = []
        for batch in batches:
            started = time.perf_counter()
            run(session, batch)
            seconds.append(time.perf_counter() - started)
        rounds.append(1000 * float(np.median(seconds)))
    measured = rounds[WARM_UP:]
    return Latency(ms=float(np.median(measured)), low=min(measured), high=max(measured))
