"""What a process found fastest, for the others of its machine: they would measure the same, one after another."""

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from serve.runtime.providers import find_cache
from train.system.files import write_whole
from train.system.onnx_session import GPUS, find_providers

FRESH_S = 600.0
"""How long it counts: while a server starts and is replaced; later, the machine may be another."""


def place_of(graphs: Mapping[str, Path], inputs: Iterable[Any], *facts: object) -> Path:
    """Return where is kept what was found for graphs, the arrays that they are timed on, and what else decides."""
    import onnxruntime

    here = (
        platform.node(),
        onnxruntime.__version__,
        find_providers(),
        os.environ.get(GPUS),
    )
    told = hashlib.sha256(repr((here, sorted(graphs), facts)).encode())
    for path in graphs.values():
        told.update(path.read_bytes())
    for rows in inputs:
        told.update(rows.tobytes())
    return find_cache() / "measured" / f"{told.hexdigest()[:16]}.json"


def recall(place: Path) -> dict[str, Any] | None:
    """Return what was kept there lately; None without it."""
    with suppress(OSError, ValueError):
        if 0 <= time.time() - place.stat().st_mtime < FRESH_S:
            return dict(json.loads(place.read_bytes()))
    return None


def keep(place: Path, found: Mapping[str, Any]) -> None:
    """Keep what was found; where nothing can be written, the next process measures for itself."""
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, json.dumps(found))
