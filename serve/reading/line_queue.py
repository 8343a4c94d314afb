"""Lines on their way to the recognisers: what waits goes together, whichever requests it came with."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass

from serve.inference.recogniser import Reading
from serve.intake.turns import FairQueue
from train.data.images import Image

CALL_BYTES = 3_500_000
"""Pixels of one call: gRPC takes 4 MB. The longest line has 1.4 MB."""
PARTS = 4
"""Into so many calls for each that is possible at a time all that waits is divided: lines of a call end together."""


@dataclass(frozen=True)
class _Line:
    image: Image
    wanted: int
    reading: "asyncio.Future[Reading]"


Send = Callable[[list[Image], list[int], bool], Awaitable[list[Reading]]]
"""Makes a call: lines, the number of alternatives for each, and whether no other call is under way."""


class LineQueue:
    """Sends lines in calls of a few, and few calls at a time.

    While a call is free a line leaves at once; under load, calls fill up, with lines of every request in turn. The
    last lines of a page that is alone leave in ever smaller calls: in one call they would keep one core busy alone.

    Attributes:
        together: lines that a call has where as many wait; more only where enough for many calls do.
    """

    def __init__(self, send: Send, calls: int, lines: int) -> None:
        """Take the function that makes a call, the most calls at a time, and the most lines of a call."""
        self._send, self._calls_at_once, self._most = send, calls, lines
        self.together = lines
        self._free = calls
        self._waiting: FairQueue[_Line] = FairQueue()
        self._calls: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether no call is under way."""
        return self._free == self._calls_at_once

    async def read(self, lines: Sequence[Image], wanted: int) -> list[Reading]:
        """Return the readings of resized lines, (48, w, 3) uint8 BGR, each with `wanted` alternatives."""
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Reading]] = [loop.create_future() for _ in lines]
        for line, future in zip(lines, futures, strict=True):
            self._waiting.push(_Line(line, wanted, future))
        self._start()
        try:
            return await asyncio.gather(*futures)
        finally:
            for future in futures:
                future.cancel()  # of a request that ended early: its lines need no reading

    def _start(self) -> None:
        alone = self._waiting.of_one and not self.idle
        while self._free and (call := self._next(self._calls_at_once if alone else self._free)):
            self._free -= 1
            # Ray Serve ends what a request began when its client leaves; a call holds lines of others, too.
            task = asyncio.get_running_loop().create_task(self._run(call), context=Context())
            self._calls.add(task)
            task.add_done_callback(self._calls.discard)

    def _next(self, spread: int) -> list[_Line]:
        """Take the next call's lines from the front: its part of what waits, spread over so many calls."""
        waiting = len(self._waiting)
        share = max(min(self.together, -(-waiting // spread)), -(-waiting // (PARTS * self._calls_at_once)))
        call: list[_Line] = []
        room = CALL_BYTES
        while self._waiting and len(call) < min(share, self._most):
            if call and self._waiting.peek().image.nbytes > room:
                break
            line = self._waiting.pop()
            if not line.reading.done():
                call.append(line)
                room -= line.image.nbytes
        return call

    async def _run(self, call: list[_Line]) -> None:
        try:
            alone = self._free == self._calls_at_once - 1
            readings = await self._send([line.image for line in call], [line.wanted for line in call], alone)
            for line, reading in zip(call, readings, strict=True):
                if not line.reading.done():
                    line.reading.set_result(reading)
        except Exception as error:  # every waiting request gets it
            for line in call:
                if not line.reading.done():
                    line.reading.set_exception(error)
        finally:
            self._free += 1
            self._start()
