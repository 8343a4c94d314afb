"""Large pictures are searched for text in a process of their own, behind all others: its memory goes back with it.

A picture of 16 megapixels takes a detector some seconds and over a gigabyte. In the replica, every other picture would
wait for it, and the memory would stay.
"""

import asyncio
import ctypes
import gc
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
import numpy.typing as npt

from serve.errors import BusyError
from serve.inference.model import load_model
from serve.runtime.tuning import hold_turn
from train.bundle import open_session
from train.data.detection import DetectionParameters, boxes, normalise
from train.data.images import Image

NICENESS = 10
IDLE_S = 60.0
PR_SET_PDEATHSIG = 1
Boxes = tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]
_session: Any = None


class Aside:
    """A detector in another process, which starts with the first picture and ends when none came for IDLE_S."""

    def __init__(self, source: str) -> None:
        """Take the bundle's folder or the pretrained model's name."""
        self._source = source
        self._pool: ProcessPoolExecutor | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def find(self, picture: Image, size: tuple[int, int], how: DetectionParameters) -> Boxes:
        """Return (N, 4, 2) corners and (N,) scores in a prepared picture; raise BusyError if the process died."""
        loop = asyncio.get_running_loop()
        if self._idle:
            self._idle.cancel()
        pool = self._pool = self._pool or self._start()
        try:
            return await loop.run_in_executor(pool, _find, [picture], size, how)
        except BrokenProcessPool as error:
            self._end()
            raise BusyError("a large picture needs memory", "too little of it", "send it smaller") from error
        finally:
            self._idle = loop.call_later(IDLE_S, self._end)

    def _start(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, spawn, initializer=_open, initargs=(self._source, os.getpid()))

    def _end(self) -> None:
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _open(source: str, parent: int) -> None:
    """Open the model in the new process; it ends with the one that started it."""
    global _session  # noqa: PLW0603  (a pool's process has no other place for it)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    os.nice(NICENESS)
    _session = open_session(load_model("detection", source).onnx, len(os.sched_getaffinity(0)), arena=False)


def _find(pictures: list[Image], size: tuple[int, int], how: DetectionParameters) -> Boxes:
    """Search the one picture of a list, which is emptied: the pool keeps its arguments while the model runs."""
    batch = normalise([pictures.pop()])
    with hold_turn("large"):  # the memory is the machine's, however many detectors a server has
        probability = _session.run(None, {_session.get_inputs()[0].name: batch})[0][0, 0]
    del batch
    found = boxes(probability, size, how)
    gc.collect()
    return found
