"""TensorRT's engines are built in a process of their own: it may take many minutes, and nothing ends it before."""

import multiprocessing
import sys
from collections.abc import Sequence
from pathlib import Path

from serve.runtime.sessions import AbsentProviderError, Array, Session

BUILD_S = 120.0


def builds(
    path: Path, provider: str, profile: Sequence[Array], half: bool = False, *, seconds: float = BUILD_S
) -> bool:
    """Say whether a session opens and runs in time; what it compiled lies on the disk then (`providers.py`).

    Args:
        path: of the graph.
        provider: of the session.
        profile: usual inputs, (N, C, H, W).
        half: whether TensorRT may compute in float16.
        seconds: that it has.
    """
    spawn = multiprocessing.get_context("spawn")
    child = spawn.Process(target=_run, args=(path, provider, [*profile], half), daemon=True)
    child.start()
    child.join(seconds)
    if child.is_alive():
        child.kill()
        child.join()
    return child.exitcode == 0


def _run(path: Path, provider: str, profile: Sequence[Array], half: bool) -> None:
    try:
        session = Session(path, provider, 1, profile, half)
    except AbsentProviderError as error:
        sys.exit(str(error))
    for rows in profile:
        session.run(rows)
