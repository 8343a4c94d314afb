"""Which of two ways to do a thing is faster now, told by the runs themselves."""

from collections import deque
from statistics import median_low

RUNS = 9
"""Whose median is a way's pace: one that something else held up says nothing."""
FIRST_S, LAST_S = 0.1, 16.0
FIRST_RUNS, LAST_RUNS = 8, 64
"""How long the slower way is left alone, and for how many runs: at first, and at most. Both must be over: with a run
every minute time alone would let it run each time.
"""


class Race:
    """Takes the faster way; the other one is tried now and then, less often the longer it stays slower."""

    def __init__(self) -> None:
        self._runs: tuple[deque[float], ...] = (deque(maxlen=RUNS), deque(maxlen=RUNS))
        self._seen = [0.0, 0.0]
        self._faster, self._alone = 0, 0  # the runs since the other way was tried
        self._patience_s, self._patience_runs = FIRST_S, FIRST_RUNS

    def choose(self, now: float) -> int:
        """Return the way to go, 0 or 1, at a time in seconds."""
        other = 1 - self._faster
        if not self._runs[self._faster]:
            return self._faster
        late = now - self._seen[other] > self._patience_s and self._alone >= self._patience_runs
        return other if late or not self._runs[other] else self._faster

    def note(self, way: int, pace: float, now: float) -> None:
        """Take in how long a run took, in seconds for a unit of work."""
        tried = way != self._faster
        if tried:
            self._runs[way].clear()  # a pace of some time ago tells nothing of now
        self._runs[way].append(pace)
        self._seen[way], self._alone = now, 0 if tried else self._alone + 1
        ours, theirs = self._runs[self._faster], self._runs[1 - self._faster]
        if ours and theirs and median_low(theirs) < median_low(ours):
            self._faster, self._alone = 1 - self._faster, 0
            self._patience_s, self._patience_runs = FIRST_S, FIRST_RUNS
        elif tried:
            self._patience_s = min(2 * self._patience_s, LAST_S)
            self._patience_runs = min(2 * self._patience_runs, LAST_RUNS)
