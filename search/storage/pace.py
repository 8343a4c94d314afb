"""How often the study's own files are written while its trials go on: the longer it takes, the more seldom."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

SHARE = 0.05


class Pace:
    """Says when the work may be done again: in SHARE of the time, however long it takes."""

    def __init__(self) -> None:
        self._after = 0.0  # on the monotonic clock

    @property
    def due(self) -> bool:
        """Whether it may be done now."""
        return time.monotonic() >= self._after

    @contextmanager
    def work(self) -> Iterator[None]:
        """Do it, and let it rest for as long as it took, divided by SHARE."""
        started = time.monotonic()
        try:
            yield
        finally:
            ended = time.monotonic()
            self._after = ended + (ended - started) / SHARE
