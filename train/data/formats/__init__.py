"""Label-file readers: one module each, `path -> Iterator[Sample]`.

A reader module registers one class with `@FORMATS.register(name)`; see CONTRIBUTING.md.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from train.data.sample import Sample
from train.errors import DataError
from train.registry import Registry


class Format(Protocol):
    """What a reader offers; all of it static, so that a class is the entry itself."""

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the label files under `root` by split (`train`, `val`, `test`, or `all`); empty if not ours."""

    @staticmethod
    def read(path: Path, options: dict[str, str]) -> Iterator[Sample]:
        """Yield the samples of one label file or folder; raise DataError naming `file:line`."""


FORMATS: Registry[type[Format]] = Registry("data format", __name__)


def detect(root: Path) -> tuple[str, dict[str, Path]]:
    """Return the first format (by name) that finds label files under `root`, and its files by split."""
    for name in FORMATS.names():
        files = FORMATS.get(name).find(root)
        if files:
            return name, files
    raise DataError(
        "a data folder must hold labels in a known format",
        root,
        f"see README 'Your own data'; known formats: {', '.join(FORMATS.names())}",
    )
