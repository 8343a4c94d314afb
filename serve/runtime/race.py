"""Which of two ways to do a thing is faster now, told by the runs themselves."""

SHARE = 0.3
"""Of the latest run in a way's pace."""
FIRST_S, LAST_S = 1.0, 16.0
"""How long the slower way is left alone: at first, and at most."""


class Race:
    """Takes the faster way; the other one is tried now and then, less often the longer it stays slower."""

    def __init__(self) -> None:
        self._pace: list[float | None] = [None, None]
        self._seen = [0.0, 0.0]
        self._faster, self._patience_s = 0, FIRST_S

    def choose(self, now: float) -> int:
        """Return the way to go, 0 or 1, at a time in seconds."""
        other = 1 - self._faster
        if self._pace[self._faster] is None:
            return self._faster
        late = self._pace[other] is None or now - self._seen[other] > self._patience_s
        return other if late else self._faster

    def note(self, way: int, pace: float, now: float) -> None:
        """Take in how long a run took, in seconds for a unit of work."""
        before, tried = self._pace[way], way != self._faster
        # a pace of some time ago tells nothing of now
        self._pace[way] = pace if before is None or tried else before + SHARE * (pace - before)
        self._seen[way] = now
        ours, theirs = self._pace[self._faster], self._pace[1 - self._faster]
        if ours is not None and theirs is not None and theirs < ours:
            self._faster, self._patience_s = 1 - self._faster, FIRST_S
        elif tried:
            self._patience_s = min(2 * self._patience_s, LAST_S)
