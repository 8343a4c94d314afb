"""onnxruntime sessions at work.

A session belongs to one replica and is run by one thread at a time. Several replicas with a core each read more lines
than one with all cores. For a line that comes alone, each replica has a second session on all cores, which is faster
while they are free: its threads wait for each other, so a core that is busy elsewhere holds up the whole run.
"""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serve.runtime.providers import find_bounds, list_options
from serve.runtime.race import Race
from train.system.machine.memory import give_back
from train.system.onnx_session import CPU, CUDA, TENSORRT, open_session

Array = npt.NDArray[np.float32]
LARGE_BATCH_BYTES = 32 * 2**20
"""More than a usual page or batch of lines, float32: 2.8 megapixels."""


class AbsentProviderError(Exception):
    """onnxruntime names a provider that does not work here: its libraries or its GPU are missing."""


class Session:
    """An onnxruntime session that one thread at a time may run."""

    def __init__(
        self,
        path: Path,
        provider: str,
        threads: int,
        profile: Sequence[Array] = (),
        half: bool = False,
        spins: bool = False,
    ) -> None:
        """Open a graph.

        Args:
            path: of the graph.
            provider: onnxruntime's name of it.
            threads: of one run, within an operator.
            profile: usual inputs, for TensorRT, which compiles the graph for sizes between theirs.
            half: whether TensorRT may compute in float16.
            spins: threads of a run wait for each other awake (`open_session`).

        Raises:
            AbsentProviderError: if another provider took its place, which onnxruntime only logs.
        """
        wanted = list_options(provider, path, profile, half, threads)
        self._session = open_session(path, threads, wanted, spins=spins)
        if self._session.get_providers()[0] != provider:
            raise AbsentProviderError(
                f"{provider} does not work here: install its libraries, and see onnxruntime's words above"
            )
        self._bounds = find_bounds(profile) if provider == TENSORRT else None
        self._other: Session | None = None
        self._path = path
        self._input = self._session.get_inputs()[0].name
        self.input_shape: list[Any] = self._session.get_inputs()[0].shape
        self._lock = threading.Lock()
        self._shrinking = make_shrinking_options() if provider == CPU else None
        self.largest_bytes = 0

    def run(self, batch: Array) -> Array:
        """Return the first output for a batch; what a large one took is given back."""
        if self._bounds and not _lies_within(batch.shape, self._bounds):
            self._other = self._other or Session(self._path, CUDA, 1)
            return self._other.run(batch)
        return self._run(batch, self._shrinking if batch.nbytes > LARGE_BATCH_BYTES else None)

    def shrink(self, batch: Array) -> None:
        """Give back what all batches before this one took; on a GPU it is kept."""
        if self._shrinking:
            self._run(batch, self._shrinking)
        self.largest_bytes = 0

    def _run(self, batch: Array, options: Any) -> Array:
        with self._lock:
            self.largest_bytes = max(self.largest_bytes, batch.nbytes)
            output: Array = self._session.run(None, {self._input: batch}, options)[0]
            return output


def _lies_within(shape: tuple[int, ...], bounds: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]) -> bool:
    least, most = bounds
    return bool((least <= shape).all() and (shape <= most).all())


def make_shrinking_options() -> Any:
    """Return what onnxruntime takes for a run after which its arena is to be as small as before."""
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


class ElasticSession:
    """A session on the replica's own cores, and one on all cores for when no other model of it runs."""

    def __init__(self, own: Session, wide: Session, usual: Array) -> None:
        """Take sessions that were measured on inputs of a usual size."""
        self._sessions, self._race, self._usual = (own, wide), Race(), usual
        self._usual_bytes = max(own.largest_bytes, wide.largest_bytes)

    def run(self, batch: Array, alone: bool) -> Array:
        """Return the first output for a batch; `alone`: no other model of this server runs meanwhile."""
        if not alone or self._sessions[0] is self._sessions[1]:
            return self._sessions[0].run(batch)
        started = time.perf_counter()
        way = self._race.choose(started)
        output = self._sessions[way].run(batch)
        ended = time.perf_counter()
        self._race.note(way, (ended - started) / batch.size, ended)
        return output

    def shrink(self) -> None:
        """Give back to the system what batches took that were larger than those that it was measured with."""
        grown = [one for one in {*self._sessions} if one.largest_bytes > self._usual_bytes]
        for session in grown:
            session.shrink(self._usual)
        if grown:
            give_back()
