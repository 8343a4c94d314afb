"""Names for files of many folders that are copied into one."""

import os

MOST_BYTES = 255
"""What file systems take."""


class FlatNames:
    """Gives each file a name of its own, different even without upper case."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._numbers: dict[str, int] = {}

    def take(self, name: str) -> str:
        """Return the name where that is free and every file system takes it, else one like it."""
        plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        stem, suffix = os.path.splitext(plain)
        chosen, number = _join(stem, suffix), self._numbers.get(plain, 1)
        while chosen.casefold() in self._used:
            number += 1
            chosen = _join(stem, f"_{number}{suffix}")
        self._used.add(chosen.casefold())
        if number > 1:
            self._numbers[plain] = number
        return chosen


def _join(stem: str, end: str) -> str:
    """Return a name, whose beginning is cut where it would be too long."""
    room = max(0, MOST_BYTES - len(end.encode()))
    return stem.encode()[:room].decode(errors="ignore") + end
