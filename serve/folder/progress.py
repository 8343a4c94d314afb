"""How far a reading is: a line now and then, with files a second and the time left."""

import math
import time
from collections.abc import Callable

FIRST_S, EVERY_S = 2.0, 10.0


class Progress:
    """Counts what is read in this run."""

    def __init__(self, total: int, before: int, say: Callable[[str], None]) -> None:
        """Take all files, how many an earlier run has read, and who is told."""
        self._total, self._before, self._say = total, before, say
        self._here = 0
        self._began = self._next = math.inf
        self._ended = 0.0

    def add(self, files: int, began: float) -> None:
        """Count the files of a part that a reader began at a time, in seconds since the epoch."""
        now = time.time()
        if self._began == math.inf:
            self._next = now + FIRST_S
        self._began, self._ended, self._here = min(self._began, began), now, self._here + files
        if now >= self._next and self.done < self._total:
            self._next = now + EVERY_S
            self._say(describe(self.done, self._total, self.rate))

    @property
    def done(self) -> int:
        """How many files are read, in this run and before."""
        return self._before + self._here

    @property
    def rate(self) -> float:
        """Files a second, from where the first reader began to the last part; 0 where nothing was left to read."""
        return self._here / max(self._ended - self._began, 1e-3) if self._here else 0.0


def describe(done: int, total: int, rate: float) -> str:
    """Return the line."""
    return f"{done:,} of {total:,} files, {rate:.1f} files/s, {describe_time((total - done) / rate)} left"


def describe_time(seconds: float) -> str:
    """Return a length of time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
