"""What this machine runs fastest is measured at start-up, not guessed: on lines that the bundle kept, if it has any.

What reads other texts than the float32 graph on the CPU is not taken, however fast it is.
"""

import fcntl
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from serve.runtime.building import BUILD_S, builds
from serve.runtime.measured import keep, place_of, recall
from serve.runtime.providers import ON_GPUS, PROVIDERS
from serve.runtime.sessions import AbsentProviderError, Array, ElasticSession, Session
from train.system.machine.processor import count_cores
from train.system.onnx_session import CPU, CUDA, TENSORRT, find_providers
from train.system.paths import make_temporary_folder

log = logging.getLogger("ray.serve")

BATCHES = (1, 2, 4, 8, 16)
ROUNDS = 3
SECONDS = 4.0
WORTH_IT = 1.05
"""A larger batch or more threads must be this much faster: both cost latency or other replicas' cores."""
SAME = 0.95
"""Share of the kept lines of which a provider, or another precision, must read the same text."""
FLOAT16 = "float16"
"""TensorRT's own rounding of the float32 graph."""

Work = Callable[[int], Sequence[Array]]
"""Inputs to time, each of the number of rows that is asked for."""


class Agreement(NamedTuple):
    """How a session reads, beside the float32 graph on the CPU.

    Attributes:
        same: share of the kept lines with the same text.
        difference: the largest of any probability.
    """

    same: float
    difference: float


Compare = Callable[[Session, Session], Agreement]
"""Compares how two sessions read, the second one being the float32 graph on the CPU."""


@dataclass(frozen=True)
class Tuning:
    """What a replica chose, and how fast that was at its start.

    Attributes:
        provider: onnxruntime's execution provider.
        precision: `float32`, `int8`, or with TensorRT `float16`.
        threads: of one run, within an operator.
        batch: rows that are run together at most.
        rows_per_s: measured with these.
        tried: every measured combination, `provider precision threads batch` to rows per second.
        measured_on: `kept lines` of the bundle, or `blank input`.
        threads_alone: of one run while no other model runs, whenever that is faster then.
        agreement: `provider precision` to how it reads; those below SAME were not taken. Empty without kept lines.
    """

    provider: str
    precision: str
    threads: int
    batch: int
    rows_per_s: float
    tried: dict[str, float]
    measured_on: str = "blank input"
    threads_alone: int = 0
    agreement: dict[str, dict[str, float]] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


_FIELDS = tuple(field.name for field in fields(Tuning))


def blank(shape: Sequence[int]) -> Work:
    """Return work of empty rows, (C, H, W) each."""
    return lambda count: [np.zeros((count, *shape), np.float32)]


def open_elastic(
    graphs: Mapping[str, Path],
    work: Work,
    threads: int,
    batches: Sequence[int] = BATCHES,
    cores: int | None = None,
    compare: Compare | None = None,
) -> tuple[ElasticSession, Tuning]:
    """Return the fastest session on the replica's own cores, joined by one on more cores for a single row.

    The machine's replicas measure one after another: together, they would measure each other. What one of them found
    counts for those that come after it (`measured.py`).

    Args:
        graphs: of a model, by precision; `float32` is among them.
        work: to time it on.
        threads: cores that the replica may use.
        batches: sizes to try, ascending.
        cores: that a row may use which comes alone; None for all of the machine.
        compare: tells whether what is fast reads the same; None where there is nothing to read.
    """
    cores = cores or count_cores()
    with hold_turn("measures"):
        place = place_of(graphs, work(1), threads, cores, batches, compare is not None, _FIELDS)
        if found := recall(place):
            tuning = Tuning(**found)
            own, wide = _open_again(tuning, _graph_of(tuning, graphs), work, max(batches))
        else:
            own, tuning = open_tuned(graphs, work, threads, batches, compare)
            wide, count = own, tuning.threads
            if tuning.provider == CPU:
                wide, count = _open_wide(own, tuning, _graph_of(tuning, graphs), work, cores)
            tuning = replace(tuning, threads_alone=count)
            keep(place, tuning.as_dict())
    told = {name: value for name, value in tuning.as_dict().items() if name != "tried"}
    log.info("%s: %s", graphs["float32"], told)
    return ElasticSession(own, wide, work(1)[0]), tuning


def _graph_of(tuning: Tuning, graphs: Mapping[str, Path]) -> Path:
    return graphs["float32" if tuning.precision == FLOAT16 else tuning.precision]


def _open_again(tuning: Tuning, graph: Path, work: Work, most: int) -> tuple[Session, Session]:
    """Return the sessions that another process chose; they run once, as memory is given back down to what that took."""
    own = wide = Session(graph, tuning.provider, tuning.threads, work(most), half=tuning.precision == FLOAT16)
    for rows in work(tuning.batch):
        own.run(rows)
    if tuning.threads_alone != tuning.threads:
        wide = Session(graph, CPU, tuning.threads_alone, spins=True)
        for rows in work(1):
            wide.run(rows)
    return own, wide


def _open_wide(own: Session, tuning: Tuning, graph: Path, work: Work, cores: int) -> tuple[Session, int]:
    """Return the fastest session on more of `cores`, if there are any, and how many it takes.

    Whether it is faster than the replica's own is seen while it serves: now, the machine may be busy starting others.
    Its threads spin: it runs while nothing else does, and where something does, the own one is seen to be faster.
    """
    best: tuple[float, Session, int] | None = None
    count = 2 * tuning.threads
    while count <= cores:
        session = Session(graph, CPU, count, spins=True)
        _, rate, _ = _measure(session, work, (1,), time.perf_counter)
        if best and rate < best[0] * WORTH_IT:
            break
        best, count = (rate, session, count), 2 * count
    return best[1:] if best else (own, tuning.threads)


@contextmanager
def hold_turn(name: str) -> Iterator[None]:
    """Hold what one process of the machine does at a time."""
    with (make_temporary_folder() / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def open_tuned(
    graphs: Mapping[str, Path],
    work: Work,
    threads: int,
    batches: Sequence[int] = BATCHES,
    compare: Compare | None = None,
) -> tuple[Session, Tuning]:
    """Measure providers, precisions, threads and batch sizes; return the fastest session and its figures."""
    tried: dict[str, float] = {}
    agreement: dict[str, dict[str, float]] = {}
    best: tuple[Session, Tuning] | None = None
    deadline = time.monotonic() + SECONDS
    for provider, precision, path, count in _list_settings(graphs, threads, compared=compare is not None):
        if best and time.monotonic() > deadline:
            break
        name, started = f"{provider} {precision}", time.monotonic()
        session = _open(path, provider, count, work(max(batches)), half=precision == FLOAT16)
        if session is None:
            continue
        if provider == TENSORRT:
            deadline += time.monotonic() - started  # what is built stays: it is no part of measuring
        if compare and name not in agreement and name != f"{CPU} float32":
            agreement[name] = compare(session, Session(graphs["float32"], CPU, threads))._asdict()
        if agreement.get(name, {}).get("same", 1.0) < SAME:
            continue
        alone = provider == CPU and threads == 1
        batch, rate, measured = _measure(
            session, work, batches, time.thread_time if alone else time.perf_counter
        )
        tried |= {f"{name} threads={count} batch={n}": r for n, r in measured.items()}
        if best is None or rate > best[1].rows_per_s * WORTH_IT:
            best = session, Tuning(provider, precision, count, batch, rate, tried)
    assert best is not None  # the CPU is always a candidate
    on = "kept lines" if compare else "blank input"
    return best[0], replace(best[1], agreement=agreement, measured_on=on)


def _open(path: Path, provider: str, threads: int, profile: Sequence[Array], half: bool) -> Session | None:
    """Return a session; None, and a word in the log, for a provider that does not work here."""
    if provider == TENSORRT and not builds(path, provider, profile, half):
        log.warning("%s: TensorRT is not taken, it built no engine, or not within %g s", path, BUILD_S)
        return None
    try:
        return Session(path, provider, threads, profile, half)
    except AbsentProviderError as error:
        log.warning("%s", error)
        return None


def _list_settings(
    graphs: Mapping[str, Path], threads: int, compared: bool
) -> Iterator[tuple[str, str, Path, int]]:
    available = find_providers()
    counts = sorted({1, *(n for n in (2, 4, 8, 16) if n < threads), threads})
    for provider in (name for name in PROVIDERS if name in available):
        for precision, path in list_precisions(provider, graphs, compared).items():
            for count in [1] if provider in ON_GPUS else counts:
                yield provider, precision, path, count


def list_precisions(provider: str, graphs: Mapping[str, Path], compared: bool) -> Mapping[str, Path]:
    """Return the graphs that a provider may run, by precision.

    8-bit graphs are for CPUs: TensorRT takes no inputs whose zero lies elsewhere, CUDA computes them in float32.
    TensorRT is only tried where what it reads is compared, so for recognisers alone: its float32 has products of
    11 bits (TF32).
    """
    if provider not in (CUDA, TENSORRT):
        return graphs
    names = ("float32",) if provider == CUDA else ("float32", FLOAT16) if compared else ()
    return dict.fromkeys(names, graphs["float32"])


Clock = Callable[[], float]
"""`time.thread_time` where a run is one thread's: what else the machine does only makes that wait."""


def _time_run(session: Session, inputs: Sequence[Array], clock: Clock) -> float:
    started = clock()
    for rows in inputs:
        session.run(rows)
    return clock() - started


def _measure(
    session: Session, work: Work, batches: Sequence[int], clock: Clock
) -> tuple[int, float, dict[int, float]]:
    """Return the batch size that pays, its rows per second, and every size's.

    The fastest round counts: other work on the machine can only slow a round down.
    """
    measured: dict[int, float] = {}
    chosen, best = 1, 0.0
    for count in batches:
        inputs = work(count)
        _time_run(session, inputs, clock)  # allocates
        rows = sum(map(len, inputs))
        measured[count] = rows / min(_time_run(session, inputs, clock) for _ in range(ROUNDS))
        if measured[count] > best * WORTH_IT:
            chosen, best = count, measured[count]
        elif measured[count] < best / WORTH_IT:
            break
    return chosen, best, measured
