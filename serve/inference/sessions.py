"""onnxruntime sessions: what this machine runs fastest is measured at start-up, not guessed.

A session belongs to one replica and is run by one thread at a time. Several replicas with a core each read more lines
than one with all cores. For a line that comes alone, each replica has a second session on all cores.
"""

import ctypes
import fcntl
import logging
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serve.inference.model import Model
from train.bundle import open_session

log = logging.getLogger("ray.serve")

Array = npt.NDArray[np.float32]
CPU = "CPUExecutionProvider"
PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider", CPU)
BATCHES = (1, 2, 4, 8, 16)
LARGE_BATCH_BYTES = 32 * 2**20
"""More than a usual page or batch of lines, float32: 2.8 megapixels."""
ROUNDS = 4
SECONDS = 4.0
WORTH_IT = 1.05
"""A larger batch or more threads must be this much faster: both cost latency or other replicas' cores."""


@dataclass(frozen=True)
class Tuning:
    """What a replica chose, and how fast that was on blank input.

    Attributes:
        provider: onnxruntime's execution provider.
        precision: `float32` or `int8`.
        threads: of one run, within an operator.
        batch: rows that are run together at most.
        rows_per_s: measured with these.
        threads_alone: of one run while no other model runs.
        tried: every measured combination, `provider precision threads batch` to rows per second.
    """

    provider: str
    precision: str
    threads: int
    batch: int
    rows_per_s: float
    tried: dict[str, float]
    threads_alone: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


class Session:
    """An onnxruntime session that one thread at a time may run."""

    def __init__(self, path: Path, provider: str, threads: int) -> None:
        self._session = open_session(path, threads, tuple(dict.fromkeys((provider, CPU))))
        self._input = self._session.get_inputs()[0].name
        self.input_shape: list[Any] = self._session.get_inputs()[0].shape
        self._lock = threading.Lock()
        self._shrinking = make_shrinking_options() if provider == CPU else None
        self.largest_bytes = 0

    def run(self, batch: Array) -> Array:
        """Return the first output for a batch; what a large one took is given back."""
        return self._run(batch, self._shrinking if batch.nbytes > LARGE_BATCH_BYTES else None)

    def shrink(self, batch: Array) -> None:
        """Give back what all batches before this one took."""
        self._run(batch, self._shrinking)
        self.largest_bytes = 0

    def _run(self, batch: Array, options: Any) -> Array:
        with self._lock:
            self.largest_bytes = max(self.largest_bytes, batch.nbytes)
            output: Array = self._session.run(None, {self._input: batch}, options)[0]
            return output


def give_back() -> None:
    """Give what this process has freed back to the system; glibc keeps it otherwise."""
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def make_shrinking_options() -> Any:
    """Return what onnxruntime takes for a run after which its arena is to be as small as before."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


class ElasticSession:
    """A session on the replica's own cores, and one on all cores for when no other model runs."""

    def __init__(self, own: Session, wide: Session, shape: Sequence[int]) -> None:
        """Take sessions that were measured with rows of a usual shape."""
        self._own, self._wide = own, wide
        self._row = np.zeros((1, *shape), np.float32)
        self._usual_bytes = max(own.largest_bytes, wide.largest_bytes)

    def run(self, batch: Array, alone: bool) -> Array:
        """Return the first output for a batch; `alone`: no other model runs meanwhile."""
        return (self._wide if alone else self._own).run(batch)

    def shrink(self) -> None:
        """Give back to the system what batches took that were larger than those that it was measured with."""
        grown = [one for one in {self._own, self._wide} if one.largest_bytes > self._usual_bytes]
        for session in grown:
            session.shrink(self._row)
        if grown:
            give_back()


def open_elastic(
    model: Model,
    shape: Sequence[int],
    threads: int,
    batches: Sequence[int] = BATCHES,
    every_core: bool = True,
) -> tuple[ElasticSession, Tuning]:
    """Return the fastest session on the replica's own cores, joined by the one that is fastest for a single row.

    The machine's replicas measure one after another: together, they would measure each other.

    Args:
        model: what to open.
        shape: (C, H, W) of a usual row.
        threads: cores that the replica may use.
        batches: sizes to try, ascending.
        every_core: a row may come alone, and is worth all cores then.
    """
    with _hold_turn():
        own, tuning = open_tuned(model, shape, threads, batches)
        wide = (own, tuning.threads, _measure_row_rate(own, shape) if every_core else 0.0)
        count = 2 * tuning.threads
        while every_core and tuning.provider == CPU and count <= len(os.sched_getaffinity(0)):
            session = Session(model.graphs[tuning.precision], CPU, count)
            rate = _measure_row_rate(session, shape)
            if rate < wide[2] * WORTH_IT:
                break
            wide, count = (session, count, rate), 2 * count
    tuning = replace(tuning, threads_alone=wide[1])
    log.info("%s: %s", model.name, {k: v for k, v in tuning.as_dict().items() if k != "tried"})
    return ElasticSession(own, wide[0], shape), tuning


@contextmanager
def _hold_turn() -> Iterator[None]:
    with (Path(tempfile.gettempdir()) / f"ocrtune-measures-{os.getuid()}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _measure_row_rate(session: Session, shape: Sequence[int]) -> float:
    return _measure(session, shape, (1,))[1]


def open_tuned(
    model: Model, shape: Sequence[int], threads: int, batches: Sequence[int] = BATCHES
) -> tuple[Session, Tuning]:
    """Measure providers, precisions, threads and batch sizes; return the fastest session and its figures."""
    tried: dict[str, float] = {}
    best: tuple[Session, Tuning] | None = None
    deadline = time.monotonic() + SECONDS
    for provider, precision, path, count in _list_candidates(model, threads):
        if best and time.monotonic() > deadline:
            break
        session = Session(path, provider, count)
        batch, rate, measured = _measure(session, shape, batches)
        tried |= {f"{provider} {precision} threads={count} batch={n}": r for n, r in measured.items()}
        if best is None or rate > best[1].rows_per_s * WORTH_IT:
            best = session, Tuning(provider, precision, count, batch, rate, tried)
    assert best is not None  # the CPU is always a candidate
    return best


def _list_candidates(model: Model, threads: int) -> Iterator[tuple[str, str, Path, int]]:
    import onnxruntime

    available = onnxruntime.get_available_providers()
    counts = sorted({1, *(n for n in (2, 4, 8, 16) if n < threads), threads})
    for provider in (name for name in PROVIDERS if name in available):
        for precision, path in model.graphs.items():
            for count in counts if provider == CPU else [1]:
                yield provider, precision, path, count


def _time_run(session: Session, rows: Array) -> float:
    started = time.perf_counter()
    session.run(rows)
    return time.perf_counter() - started


def _measure(
    session: Session, shape: Sequence[int], batches: Sequence[int]
) -> tuple[int, float, dict[int, float]]:
    """Return the batch size that pays, its rows per second, and every size's.

    The fastest round counts: other work on the machine can only slow a round down.
    """
    measured: dict[int, float] = {}
    chosen, best = 1, 0.0
    for count in batches:
        rows = np.zeros((count, *shape), np.float32)
        session.run(rows)  # allocates
        measured[count] = count / min(_time_run(session, rows) for _ in range(ROUNDS))
        if measured[count] > best * WORTH_IT:
            chosen, best = count, measured[count]
        elif measured[count] < best / WORTH_IT:
            break
    return chosen, best, measured
