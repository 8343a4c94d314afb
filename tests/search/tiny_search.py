"""The search's command line on networks of few weights: for what the machinery does, not the models.

`python -m tests.search.tiny_search` takes what `search/run.py` takes.
"""

import functools
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests import tiny_orientation, tiny_recogniser
from tests.search.driver import ENVIRONMENT, PARAMETERS, REPOSITORY, Process
from train.data.augment import AUGMENTATIONS
from train.data.images import Image

TINY = "task: orientation, model: tiny-orientation, engine: torch, augmentation.operations: [unhurried]"
FIXED = "fixed: {{" + TINY + ", augmentation.probability: 1.0, epochs: {epochs}, batch_size: 16}}"
PACE_S = 0.025


def register() -> None:
    """Make networks and pace known to a process: the search's own, and each of Ray's workers."""
    tiny_orientation.register()
    tiny_recogniser.register()
    if "unhurried" not in AUGMENTATIONS.names():
        AUGMENTATIONS.register("unhurried")(unhurried)


def unhurried(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Leave the line as it is, but take so long that a trial can be interrupted on any machine."""
    time.sleep(PACE_S)
    return image


def write_tiny_space(folder: Path, epochs: int) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(f"{FIXED}\n{PARAMETERS}".format(epochs=epochs), encoding="utf-8")
    return path


def tiny_search(
    *arguments: object, environment: Mapping[str, str] = ENVIRONMENT, cwd: Path = REPOSITORY
) -> Process:
    """Start a search that knows the tiny networks."""
    known = {**environment, "PYTHONPATH": str(REPOSITORY)}
    command = (sys.executable, "-m", "tests.search.tiny_search", *arguments)
    return Process(*command, environment=known, cwd=cwd)


def init_with_hook(
    init: Any, *address: str, runtime_env: Mapping[str, Any] | None = None, **more: Any
) -> Any:
    """Call Ray's own with a hook for its workers beside what the search gives them."""
    given = dict(runtime_env or {})
    variables = {**given.get("env_vars", {}), "PYTHONPATH": os.environ["PYTHONPATH"]}
    hook = {"worker_process_setup_hook": "tests.search.tiny_search.register", "env_vars": variables}
    return init(*address, runtime_env=given | hook, **more)


def main() -> int:
    """Run the search; its workers register what it knows before anything else."""
    import ray

    from search.run import main as search
    from train.system.cli import run

    register()
    # The search of `tests/search/test_study.py` has a dashboard, as users have.
    ray.init = functools.partial(init_with_hook, ray.init, include_dashboard=False)
    return run(search, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
