"""Who may go on, where there is room for few: in turn by client, and by request of each client."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Caller:
    """On whose behalf work is done.

    Attributes:
        client: its key or its address.
        request: a number of the request.
    """

    client: str
    request: int


NOBODY = Caller("", 0)
CALLER: ContextVar[Caller] = ContextVar("caller")
"""Of the request that the running task belongs to; the door sets it."""


class FairQueue(Generic[T]):
    """What waits, in turn by client and by request of each client: many requests, or large ones, gain nothing."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, OrderedDict[int, deque[T]]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def of_one(self) -> bool:
        """Whether all that waits is of one request."""
        return len(self._clients) == 1 and len(next(iter(self._clients.values()))) == 1

    def push(self, item: T) -> None:
        """Add what the running task's caller waits for."""
        caller = CALLER.get(NOBODY)
        requests = self._clients.setdefault(caller.client, OrderedDict())
        requests.setdefault(caller.request, deque()).append(item)
        self._count += 1

    def peek(self) -> T:
        """Return what `pop` would."""
        requests = next(iter(self._clients.values()))
        return next(iter(requests.values()))[0]

    def pop(self) -> T:
        """Take what is next, and put its client, and its request, behind the others."""
        client, requests = next(iter(self._clients.items()))
        request, items = next(iter(requests.items()))
        item = items.popleft()
        self._count -= 1
        _turn(requests, request)
        _turn(self._clients, client)
        return item


def _turn(queues: "OrderedDict[Any, Any]", key: object) -> None:
    """Put one of the queues behind the others, or remove it if it is empty."""
    if queues[key]:
        queues.move_to_end(key)
    else:
        del queues[key]


class Turns:
    """Admits as much as there is room for; the others wait in a fair queue."""

    def __init__(self, count: int, size: int = 1) -> None:
        """Take how many may be in at a time, and the size of all of them together."""
        self._free, self._room, self._size = count, size, size
        self._waiting: FairQueue[tuple[int, asyncio.Future[None]]] = FairQueue()

    @asynccontextmanager
    async def hold(self, size: int = 0) -> AsyncIterator[None]:
        """Be in; what is larger than all the room is let in alone."""
        size = await self.enter(size)
        try:
            yield
        finally:
            self.leave(size)

    async def enter(self, size: int = 0) -> int:
        """Wait for a place; return the size to give back with `leave`."""
        size = min(size, self._size)
        if not self._waiting and self._fits(size):
            self._take(size)
            return size
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.push((size, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.leave(size)
            else:
                self._admit()  # whoever stood behind it
            raise
        return size

    def leave(self, size: int = 0) -> None:
        """Give a place back."""
        self._free += 1
        self.shrink(size)

    def shrink(self, size: int) -> None:
        """Give a part of a place's size back."""
        self._room += size
        self._admit()

    def _fits(self, size: int) -> bool:
        return self._free > 0 and size <= self._room

    def _take(self, size: int) -> None:
        self._free -= 1
        self._room -= size

    def _admit(self) -> None:
        """Let in as many of those that wait as there is room for; those that went away are left out."""
        while self._waiting:
            size, place = self._waiting.peek()
            if not place.done():
                if not self._fits(size):
                    return
                self._take(size)
                place.set_result(None)
            self._waiting.pop()
