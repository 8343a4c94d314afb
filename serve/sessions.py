"""onnxruntime sessions: what this machine runs fastest is measured at start-up, not guessed.

A session belongs to one replica and is run by one thread at a time.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serve.models import Model
from train.bundle import open_session

log = logging.getLogger("ray.serve")

Array = npt.NDArray[np.float32]
PROVIDERS = (
    "TensorrtExecutionProvider",
    "CUDAExecutionProvider",
    "OpenVINOExecutionProvider",
    "CPUExecutionProvider",
)
BATCHES = (1, 2, 4, 8, 16)
ROUNDS = 3
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
        tried: every measured combination, `provider precision threads batch` to rows per second.
    """

    provider: str
    precision: str
    threads: int
    batch: int
    rows_per_s: float
    tried: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


class Session:
    """An onnxruntime session that one thread at a time may run."""

    def __init__(self, path: Path, provider: str, threads: int) -> None:
        self._session = open_session(path, threads, tuple(dict.fromkeys((provider, "CPUExecutionProvider"))))
        self._input = self._session.get_inputs()[0].name
        self.input_shape: list[Any] = self._session.get_inputs()[0].shape
        self._lock = threading.Lock()

    def run(self, batch: Array) -> Array:
        """Return the first output for a batch."""
        with self._lock:
            output: Array = self._session.run(None, {self._input: batch})[0]
            return output


def tuned_session(
    model: Model, shape: Sequence[int], threads: int, batches: Sequence[int] = BATCHES
) -> tuple[Session, Tuning]:
    """Measure providers, precisions, threads and batch sizes; return the fastest session and its figures.

    Args:
        model: what to open.
        shape: (C, H, W) of a usual row.
        threads: cores that the replica may use.
        batches: sizes to try, ascending.
    """
    tried: dict[str, float] = {}
    best: tuple[Session, Tuning] | None = None
    deadline = time.monotonic() + SECONDS
    for provider, precision, path, count in _candidates(model, threads):
        if best and time.monotonic() > deadline:
            break
        session = Session(path, provider, count)
        batch, rate, measured = _measure(session, shape, batches)
        tried |= {f"{provider} {precision} threads={count} batch={n}": r for n, r in measured.items()}
        if best is None or rate > best[1].rows_per_s * WORTH_IT:
            best = session, Tuning(provider, precision, count, batch, rate, tried)
    assert best is not None  # the CPU is always a candidate
    log.info("%s: %s", model.name, {k: v for k, v in best[1].as_dict().items() if k != "tried"})
    return best


def _candidates(model: Model, threads: int) -> Iterator[tuple[str, str, Path, int]]:
    import onnxruntime

    available = onnxruntime.get_available_providers()
    precisions = [("float32", model.onnx)] + ([("int8", model.int8)] if model.int8 else [])
    counts = sorted({1, *(n for n in (2, 4, 8, 16) if n < threads), threads})
    for provider in (name for name in PROVIDERS if name in available):
        for precision, path in precisions:
            for count in counts if provider == "CPUExecutionProvider" else [1]:
                yield provider, precision, path, count


def _measure(
    session: Session, shape: Sequence[int], batches: Sequence[int]
) -> tuple[int, float, dict[int, float]]:
    """Return the batch size that pays, its rows per second, and every size's."""
    measured: dict[int, float] = {}
    chosen, best = 1, 0.0
    for count in batches:
        rows = np.zeros((count, *shape), np.float32)
        session.run(rows)  # allocates
        started = time.perf_counter()
        for _ in range(ROUNDS):
            session.run(rows)
        measured[count] = ROUNDS * count / (time.perf_counter() - started)
        if measured[count] > best * WORTH_IT:
            chosen, best = count, measured[count]
        elif measured[count] < best / WORTH_IT:
            break
    return chosen, best, measured
