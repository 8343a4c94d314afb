"""JSON files of the storage, which people may have touched."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from train.errors import CheckpointError


def read_fields(path: Path, needed: Collection[str] = (), remedy: str = "restore it") -> dict[str, Any]:
    """Return the JSON object in a file; raise CheckpointError if it is damaged or lacks a field."""
    try:
        fields = dict(json.loads(path.read_bytes()))
        lacking = [name for name in needed if name not in fields]
    except (ValueError, TypeError, RecursionError) as error:
        raise make_damage_error(path, str(error), remedy) from error
    if lacking:
        raise make_damage_error(path, f"no {lacking[0]}", remedy)
    return fields


def make_damage_error(path: Path, what: str, remedy: str = "restore it") -> CheckpointError:
    """Return the error of a file that is not as the server wrote it."""
    return CheckpointError("a file of the storage must be as the server wrote it", f"{path}: {what}", remedy)
