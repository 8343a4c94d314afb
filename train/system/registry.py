"""The one registry: names to the classes or functions that files of a folder offer."""

import importlib
import pkgutil
from collections.abc import Callable
from difflib import get_close_matches
from typing import Generic, TypeVar

from train.errors import UsageError

T = TypeVar("T")


class Registry(Generic[T]):
    """Named entries of one kind; the modules of `package` are imported at the first look-up.

    Args:
        kind: what an entry is, for error messages ("technique").
        package: dotted name of the folder whose modules, or those of its rooms, register entries.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind, self.package = kind, package
        self._entries: dict[str, T] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[T], T]:
        """Decorate a class or function as the entry `name`; a second entry of a name is refused."""

        def add(entry: T) -> T:
            if name in self._entries:
                raise UsageError(f"each {self.kind} is registered once", name, "rename one of the two")
            self._entries[name] = entry
            return entry

        return add

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self._load()
        return sorted(self._entries)

    def get(self, name: str) -> T:
        """Return the entry `name`, or raise UsageError that lists the known ones."""
        self._load()
        if name not in self._entries:
            raise UsageError(f"{self.kind} must be a known one", repr(name), self._describe_choices(name))
        return self._entries[name]

    def _describe_choices(self, name: str) -> str:
        """Return the remedy for an unknown name: first those that may be meant, then all."""
        names = self.names()
        near = [known for known in names if name in known] or get_close_matches(name, names)
        meant = f"did you mean {' or '.join(near)}? " if 0 < len(near) <= 3 else ""
        return f"{meant}choose from: {', '.join(names)}"

    def _load(self) -> None:
        if self._loaded:
            return
        module = importlib.import_module(self.package)
        for info in pkgutil.walk_packages(getattr(module, "__path__", []), f"{self.package}."):
            importlib.import_module(info.name)
        self._loaded = True
