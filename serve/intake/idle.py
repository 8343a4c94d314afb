"""Memory that large inputs took goes back when nothing follows; sooner, the next one would take it again."""

import asyncio
from collections.abc import Callable

IDLE_S = 10.0


class WhenIdle:
    """Does something when `restart` was not called for IDLE_S."""

    def __init__(self, work: Callable[[], object]) -> None:
        """Take the work; it must not block."""
        self._work = work
        self._until = 0.0
        self._waiting = False

    def restart(self) -> None:
        """Begin to wait anew: the timer that runs is left alone, as this is called for every line."""
        loop = asyncio.get_running_loop()
        self._until = loop.time() + IDLE_S
        if not self._waiting:
            self._waiting = True
            loop.call_at(self._until, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do the work, or wait on for what was used meanwhile."""
        if loop.time() < self._until:
            loop.call_at(self._until, self._look, loop)
        else:
            self._waiting = False
            self._work()
