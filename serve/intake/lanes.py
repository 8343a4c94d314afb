"""Where pictures are worked on beside the event loop: small ones, large ones and PDFs apart, each with its bounds.

A picture is in its lane from before it is decoded until it is answered, so what an ingress holds is bounded,
however many requests wait. Small pictures never wait for large ones.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from serve.intake.documents import Size
from serve.intake.fetch import MakeRoom
from serve.intake.guard import count_bytes, open_images
from serve.intake.idle import WhenIdle
from serve.intake.turns import Turns
from serve.settings import LARGE_PX, Limits
from train.data.images import Image
from train.system.machine.memory import give_back

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
        self.turns, self._threads = Turns(count, size), Turns(threads)
        self._pool = ThreadPoolExecutor(threads, initializer=_yield_cores, initargs=(niceness,))
        self._idle = WhenIdle(lambda: self._pool.submit(give_back))

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run blocking work in a thread of the lane, in turn by client; give its memory back when none follows."""
        try:
            async with self._threads.hold():
                return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._idle.restart()


class Lanes:
    """The lanes of one ingress replica.

    Attributes:
        fetched: files that were fetched by URL: no client had to send them, so they are not counted as bodies.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.fetched = Turns(limits.queued, max(limits.body_bytes, limits.bytes_here))
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

    @asynccontextmanager
    async def hold_picture(self, data: bytes) -> AsyncIterator[Image]:
        """Decode a file's one picture, (H, W, 3) uint8 BGR, and keep its place while it is used; as `open_images`."""
        pictures = await self.small.run(open_images, [data], self._limits)
        lane = self.of(pictures.decoded_bytes)
        async with lane.turns.hold(pictures.decoded_bytes):
            yield await lane.run(pictures.decode, 0)

    @asynccontextmanager
    async def hold_fetched(self, fetching: Callable[[MakeRoom], Awaitable[bytes]]) -> AsyncIterator[bytes]:
        """Fetch a file, which asks for the room that it may take, and keep its own while it is used."""
        held: int | None = None

        async def make_room(size: int) -> None:
            nonlocal held
            if held is not None:
                self.fetched.leave(held)  # two that wait with room in hand would wait for each other
                held = None
            held = await self.fetched.enter(size)

        try:
            data = await fetching(make_room)
            if held is not None:
                self.fetched.shrink(held - len(data))
                held = len(data)
            yield data
        finally:
            if held is not None:
                self.fetched.leave(held)


def _yield_cores(niceness: int) -> None:
    """Let others go before this thread; Linux keeps a niceness for each thread."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
