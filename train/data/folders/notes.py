"""Notes on the labels that are read, a line each: collected by the caller, else printed to standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_collected: ContextVar[list[str] | None] = ContextVar("notes", default=None)


def note(line: str) -> None:
    """Say one line."""
    lines = _collected.get()
    if lines is None:
        print(line, file=sys.stderr, flush=True)
    elif line not in lines:
        lines.append(line)


@contextmanager
def collected_notes() -> Iterator[list[str]]:
    """Yield a list that takes what is noted inside, each line once, in place of standard error."""
    lines: list[str] = []
    token = _collected.set(lines)
    try:
        yield lines
    finally:
        _collected.reset(token)
