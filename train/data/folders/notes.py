"""Notes on the labels that are read, a line each: collected by the caller, else printed to standard error.

A process prints each line once, however often it reads the same labels: for a detector's study and its reader's, say.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

_collected: ContextVar[list[str] | None] = ContextVar("notes", default=None)


def note(line: str) -> None:
    """Say one line, unless it was said before."""
    lines = _collected.get()
    if lines is None:
        _say(line)
    elif line not in lines:
        lines.append(line)


@cache
def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


@contextmanager
def collected_notes() -> Iterator[list[str]]:
    """Yield a list that takes what is noted inside, each line once, in place of standard error."""
    lines: list[str] = []
    token = _collected.set(lines)
    try:
        yield lines
    finally:
        _collected.reset(token)
