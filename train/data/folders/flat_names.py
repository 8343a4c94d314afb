"""Names for files of many folders that are copied into one."""

from pathlib import Path


class FlatNames:
    """Gives each file a name of its own, different even without upper case."""

    def __init__(self) -> None:
        self._used: set[str] = set()
        self._numbers: dict[str, int] = {}

    def take(self, name: str) -> str:
        """Return the name where that is free and every file system takes it, else one like it."""
        chosen = plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        number = self._numbers.get(plain, 1)
        while chosen.casefold() in self._used:
            number += 1
            chosen = f"{Path(plain).stem}_{number}{Path(plain).suffix}"
        self._used.add(chosen.casefold())
        if number > 1:
            self._numbers[plain] = number
        return chosen
