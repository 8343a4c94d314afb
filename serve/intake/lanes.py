"""Where pictures are worked on beside the event loop: small ones, large ones and PDFs apart, each with its bounds.

A picture is in its lane from before it is decoded until it is answered, so what an ingress holds is bounded,
however many requests wait. Small pictures never wait for large ones.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from serve.idle import WhenIdle, give_back
from serve.intake.documents import Size
from serve.intake.guard import count_bytes
from serve.intake.turns import Turns
from serve.settings import LARGE_PX, Limits

T = TypeVar("T")
SMALL_THREADS, SMALL_AT_ONCE = 4, 64
LARGE_THREADS, LARGE_AT_ONCE = 2, 2
DOCUMENTS_AT_ONCE = 2
NICENESS = 10
SMALL_BYTES = 3 * LARGE_PX


class Lane:
    """A pool of threads, and the room for what is in work there."""

    def __init__(self, threads: int, count: int, size: int, niceness: int = 0) -> None:
        """Take the threads, how many pictures are in work at a time, and their decoded bytes together."""
        self.turns = Turns(count, size)
        self._pool = ThreadPoolExecutor(threads, initializer=_yield_cores, initargs=(niceness,))
        self._idle = WhenIdle(lambda: self._pool.submit(give_back))

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run blocking work in a thread of the lane; give its memory back when none follows."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._idle.restart()


class Lanes:
    """The lanes of one ingress replica."""

    def __init__(self, limits: Limits) -> None:
        self.small = Lane(SMALL_THREADS, SMALL_AT_ONCE, max(SMALL_BYTES, limits.bytes_here))
        large, documents = (max(1, n // limits.shared_by) for n in (LARGE_AT_ONCE, DOCUMENTS_AT_ONCE))
        self.large = Lane(LARGE_THREADS, large, limits.large_bytes, NICENESS)
        self.documents = Lane(documents, documents, 1)

    def of(self, decoded_bytes: int) -> Lane:
        """Return the lane of pictures that take so much together."""
        return self.small if decoded_bytes <= SMALL_BYTES else self.large

    def of_picture(self, size: Size) -> Lane:
        """Return the lane of a picture."""
        return self.of(count_bytes(size))


def _yield_cores(niceness: int) -> None:
    """Let others go before this thread; Linux keeps a niceness for each thread."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
