"""Dictionary files in class order: a character a line as PaddleOCR's, all in one, or PaddleX's inference.yml."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from train.data.folders.notes import note
from train.data.texts.forms import normal_form
from train.errors import DataError
from train.system.paths import read_utf8

YAML = (".yml", ".yaml", ".json")
"""Suffixes of files that hold a list, or one under a key, in YAML or JSON."""
WIDE = (b"\xff\xfe", b"\xfe\xff")
"""How UTF-16 begins."""


def read_characters(path: Path) -> tuple[str, ...]:
    """Return the characters of a dictionary in its order; a line that is one space is the space character.

    One that comes again, as in PP-OCRv5's Arabic dictionary, counts once, and is told. Raises DataError with the line
    for an empty one, one of several characters among others, and a character that comes again in a file of one line.
    """
    places = _of_yaml(path) if path.suffix.lower() in YAML else _together(_of_lines(path))
    first: dict[str, str] = {}
    again: list[str] = []
    for entry, place in places:
        character = normal_form(entry) if len(entry) > 1 else entry
        if len(character) != 1:
            raise DataError(
                "a dictionary must have one character a line",
                f"{place}: {_shown(character)}",
                "put each on a line of its own" if character else "fill or remove the empty line",
            )
        if character in first:
            again.append(f"{place}: {_shown(character)}, as in {first[character]}")
        first.setdefault(character, place)
    if again:
        note(f"characters of a dictionary that come again count once: {len(again)}, the first: {again[0]}")
    if not first:
        raise DataError("a dictionary must have characters", path, "write one a line")
    return tuple(first)


def read_entries(path: Path) -> tuple[str, ...]:
    """Return the entries of a published dictionary, which may hold one twice, or several characters in one."""
    return tuple(entry for entry, _ in (_of_yaml(path) if path.suffix.lower() in YAML else _of_lines(path)))


def write_characters(characters: Sequence[str], path: Path) -> None:
    """Write a dictionary that `read_characters` reads back unchanged; raise DataError for a line end as a character."""
    if ends := [ascii(character) for character in characters if character in "\n\r"]:
        raise DataError(
            "a dictionary of a character a line cannot hold a line end",
            ", ".join(ends),
            "take it out of the labels (train.data.correct repairs invisible characters), and train again",
        )
    path.write_bytes("".join(f"{character}\n" for character in characters).encode())


def _of_lines(path: Path) -> list[tuple[str, str]]:
    """Return (character, place) of a text file; empty lines at its end are left out."""
    lines = _text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return [(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]


def _together(lines: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return a file's only line, if it has several characters, as these; one between each two may be a space."""
    if len(lines) != 1 or len(lines[0][0]) < 2:
        return lines
    line, place = lines[0]
    parts = line.split(" ")
    characters = parts if all(len(part) == 1 for part in parts) else [*line]
    if again := next((c for c, times in Counter(characters).items() if times > 1), None):
        raise DataError(
            "a dictionary in one line must hold each character once, or it is a text",
            f"{place}: {_shown(again)} again",
            "write one character a line",
        )
    return [(c, f"{place}, character {number}") for number, c in enumerate(characters, 1)]


def _of_yaml(path: Path) -> list[tuple[str, str]]:
    """Return (character, place) of PaddleX's inference.yml, or of a file with a `character_dict` or list alone.

    A YAML reader refuses what JSON writes for an emoji, so files in JSON have their own.
    """
    if path.suffix.lower() == ".json":
        return _listed(_of_json(path), path)
    loader = getattr(
        yaml, "CBaseLoader", yaml.BaseLoader
    )  # all scalars are texts: a `1` or `~` is a character
    try:
        found = yaml.load(_text(path), Loader=loader)  # noqa: S506 - it builds texts, lists and mappings alone
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        at = f"{path}:{place.line + 1}" if place else path
        raise DataError("a dictionary in YAML must be valid YAML", at, "mend that line") from error
    return _listed(found, path)


def _of_json(path: Path) -> Any:
    """Return what a file of JSON holds, its numbers as they are written."""
    try:
        return json.loads(_text(path), parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise DataError(
            "a dictionary in JSON must be valid JSON", f"{path}:{error.lineno}", "mend that line"
        ) from error
    except RecursionError as error:
        raise DataError(
            "a dictionary in JSON must be a list", f"{path}: lists within lists", "write it anew"
        ) from error


def _listed(found: Any, path: Path) -> list[tuple[str, str]]:
    """Return (character, place) of what a file in YAML or JSON holds."""
    for key in ("PostProcess", "character_dict"):
        found = found.get(key, found) if isinstance(found, dict) else found
    if isinstance(found, str):
        found = list(found)
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise DataError(
            "a dictionary in YAML or JSON must be a list, or PaddleX's inference.yml, with PostProcess.character_dict",
            path,
            "name such a file, or one with a character a line",
        )
    return [(item, f"{path}, entry {number}") for number, item in enumerate(found, 1)]


def _text(path: Path) -> str:
    """Return a file's text; raise DataError if it is no text in UTF-8, or in UTF-16 with its mark."""
    try:
        if path.read_bytes().startswith(WIDE):
            return path.read_text("utf-16")
    except OSError as error:
        found = f"{path}: {error.strerror}"
        raise DataError("a dictionary must be a readable file", found, "check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(
            "a dictionary must be UTF-8", f"{path}: {error.reason}", "save it as UTF-8"
        ) from error
    return read_utf8(path, "a dictionary", DataError)


def _shown(item: str) -> str:
    """Return an entry, quoted, with its code points where one alone is not what is seen."""
    quoted = repr(item) if item.isprintable() else ascii(item)
    points = " ".join(f"U+{ord(character):04X}" for character in item)
    return (
        quoted
        if len(item) < 2
        else f"{len(item)} characters {quoted[:40]}" + (f" ({points})" if len(item) <= 4 else "")
    )
