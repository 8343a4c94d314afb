"""Memory that large inputs took goes back when nothing follows; sooner, the next one would take it again."""

import asyncio
import ctypes
from collections.abc import Callable
from contextlib import suppress

IDLE_S = 10.0


class WhenIdle:
    """Does something when `restart` was not called for IDLE_S."""

    def __init__(self, work: Callable[[], object]) -> None:
        """Take the work; it must not block."""
        self._work = work
        self._timer: asyncio.TimerHandle | None = None

    def restart(self) -> None:
        """Begin to wait anew."""
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(IDLE_S, self._work)


def give_back() -> None:
    """Give what this process has freed back to the system; glibc keeps it otherwise."""
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
