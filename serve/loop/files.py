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
    except (ValueError, TypeError) as error:
        raise _damaged(path, str(error), remedy) from error
    if lacking:
        raise _damaged(path, f"no {lacking[0]}", remedy)
    return fields


def _damaged(path: Path, what: str, remedy: str) -> CheckpointError:
    return CheckpointError("a file of the storage must be as the server wrote it", f"{path}: {what}", remedy)
