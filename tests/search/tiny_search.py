"""The search's command line on networks of few weights: for what the machinery does, not the models.

`python -m tests.search.tiny_search` takes what `search/run.py` takes.
"""

import functools
import json
import os
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests import tiny_orientation, tiny_recogniser
from tests.search.driver import ENVIRONMENT, PARAMETERS, REPOSITORY, Process
from train.data.augment import AUGMENTATIONS
from train.data.images import Image
from train.system.files import write_whole

TINY = "task: orientation, model: tiny-orientation, engine: torch, augmentation.operations: [gated]"
FIXED = "fixed: {{" + TINY + ", augmentation.probability: 1.0, epochs: {epochs}, batch_size: 16}}"
GATE = "OCRTUNE_TESTS_GATE"
"""Environment variable that names a gate's file."""


def register() -> None:
    """Make networks and gate known to a process: the search's own, and each of Ray's workers."""
    tiny_orientation.register()
    tiny_recogniser.register()
    if "gated" not in AUGMENTATIONS.names():
        AUGMENTATIONS.register("gated")(gated)


class Gate:
    """Stops trials in the middle of an epoch, until a test has done there what it wants: on a machine of any pace.

    Tune lets a trial begin an epoch only when it knows the checkpoint of the one before. The line that is printed for
    an epoch says less: it comes before Tune asks for the checkpoint.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._told = file, file
        self.environment = {GATE: str(file)}

    def stop(self, after: float, *, free: tuple[str, ...] = ()) -> None:
        """Let every process draw so many lines of a trial, and as many as it likes of those with these ids."""
        self._told = self._file.with_name(f"{self._file.name}.{uuid.uuid4().hex}")
        write_whole(self._file, json.dumps({"after": after, "free": free, "told": str(self._told)}))

    def wait_until_stopped(self, run: Process) -> None:
        """Wait until a trial of the search waits in front of the gate as it was last set."""
        run.wait_until(self._told.exists, "trial that stops")

    def open(self) -> None:
        """Let all go on."""
        self._file.unlink()


_drawn: Counter[str] = Counter()
_counting = threading.Lock()


def gated(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Leave the line as it is, once the gate lets it through."""
    from ray import tune

    trial = tune.get_context().get_trial_id()
    with _counting:
        _drawn[trial] += 1
        number = _drawn[trial]
    while trial and not lets_through(trial, number):  # who is no trial is not stopped
        time.sleep(0.02)
    return image


def lets_through(trial: str, number: int) -> bool:
    """Return whether this process may draw so many lines of a trial by now; tell the test if not."""
    try:
        said = json.loads(Path(os.environ.get(GATE, "")).read_bytes())
    except (FileNotFoundError, IsADirectoryError):  # opened, or none
        return True
    if trial in said["free"] or number <= said["after"]:
        return True
    Path(said["told"]).touch()
    return False


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
    ours = {name: os.environ[name] for name in ("PYTHONPATH", GATE) if name in os.environ}
    variables = {**given.get("env_vars", {}), **ours}
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
