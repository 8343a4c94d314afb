"""TensorRT's engines are built in a process of their own: it may take many minutes, and nothing ends it before."""

import multiprocessing
from collections.abc import Sequence
from pathlib import Path

from serve.runtime.sessions import Array, Session

BUILD_S = 120.0


def builds(path: Path, provider: str, profile: Sequence[Array], seconds: float = BUILD_S) -> bool:
    """Say whether a session opens and runs in time; what it compiled lies on the disk then (`providers.py`).

    Args:
        path: of the graph.
        provider: of the session.
        profile: usual inputs, (N, C, H, W).
        seconds: that it has.
    """
    spawn = multiprocessing.get_context("spawn")
    child = spawn.Process(target=_run, args=(path, provider, [*profile]), daemon=True)
    child.start()
    child.join(seconds)
    if child.is_alive():
        child.kill()
        child.join()
    return child.exitcode == 0


def _run(path: Path, provider: str, profile: Sequence[Array]) -> None:
    session = Session(path, provider, 1, profile)
    for rows in profile:
        session.run(rows)
