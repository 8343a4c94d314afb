"""The export of the largest network, tried before the first trial: what building and writing it takes here."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import ray

from search.preflight.narrowing import list_models
from search.storage.scratch import scratch_folder
from spaces.space import SearchSpace
from train.bundle import ONNX
from train.config import TechniqueConfig, TrialConfig, config_from_mapping
from train.engines import ENGINES
from train.errors import ParityError
from train.export import parity_gate
from train.loop import TrainingData, assemble
from train.models import MODELS
from train.system.dotted import nest

WAIT_SHARE = 0.05
"""Of a time budget, that trials wait for a rehearsal after the models have been read."""


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
