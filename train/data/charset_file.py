"""Dictionary files: one character a line, in class order, as PaddleOCR's."""

from collections.abc import Sequence
from pathlib import Path

from train.data.formats import read_text
from train.errors import DataError


def read_characters(path: Path) -> tuple[str, ...]:
    """Return the lines of a dictionary; a line that is one space is the space character."""
    lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
    if lines and not lines[-1]:
        lines.pop()
    if not lines or "" in lines:
        number = lines.index("") + 1 if lines else 1
        raise DataError(
            "a dictionary must have one character a line", f"{path}:{number}", "fill the empty line"
        )
    return tuple(lines)


def write_characters(characters: Sequence[str], path: Path) -> None:
    """Write a dictionary that `read_characters` reads back unchanged."""
    path.write_bytes("".join(f"{character}\n" for character in characters).encode())
