"""Models that run in the processes that speak HTTP: a line crosses to no other process."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from anyio import from_thread
from ray import serve

from serve.inference.replicas import LOST, REPLACING_S, find_cause
from serve.inference.runners import RUNNERS, ModelRunner
from serve.runtime.gpus import require_use
from serve.settings import Settings
from train.errors import ModelError

log = logging.getLogger("ray.serve")


@dataclass
class _Worker:
    runner: ModelRunner
    calls: int = 0


class FusedModel:
    """A task's model: as many runners as it would have replicas, each with a thread and sessions of its own."""

    def __init__(self, task: str, source: str, settings: Settings, given: bool) -> None:
        """Open the model.

        Args:
            task: that it has.
            source: a bundle's folder or a pretrained model's name.
            settings: of the server.
            given: the process was given a GPU, and every model must run there.
        """
        self._task, self._settings, self._source, self._given = task, settings, source, given
        self._opened: dict[str, list[_Worker]] = {}
        self._workers = self.make_workers(source)

    def is_of(self, source: str, graph: str) -> bool:
        """Say whether this is what serves: a model by its source and its graph's sha256, empty if not known."""
        return source == self._source and graph in ("", self._workers[0].runner.model.version)

    def open(self, source: str) -> None:
        """Open another model beside the one that is called, for `use`."""
        self._opened.clear()  # of a promotion that failed elsewhere: one is made at a time
        self._opened[source] = self.make_workers(source)

    def has_opened(self, source: str) -> bool:
        """Say whether `use` can call a model."""
        return source in self._opened

    def use(self, source: str) -> None:
        """Call a model that was opened from now on."""
        self.take(source, self._opened.pop(source))
        self._opened.clear()

    def take(self, source: str, workers: list[_Worker]) -> None:
        """Call a model's workers from now on; the old ones finish the calls that they have."""
        self._source, self._workers = source, workers

    def replace(self, source: str) -> None:
        """Put another model to work in every process, when all have opened it; called in one of anyio's threads."""
        until = time.monotonic() + REPLACING_S
        for method in ("open_model", "use_model"):
            from_thread.run(_call_everywhere, until, method, self._task, source)

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call the runner that has the fewest calls."""
        worker = min(self._workers, key=lambda one: one.calls)
        worker.calls += 1
        try:
            return await getattr(worker.runner, method)(*arguments)
        finally:
            worker.calls -= 1

    def make_workers(self, source: str) -> list[_Worker]:
        """Open a model, for `take`; raise ModelError where the process was given a GPU and it does not run there."""
        kind, settings = RUNNERS[self._task], self._settings
        count = kind.count(settings)
        workers = [
            _Worker(kind(source, settings.threads_per_replica, settings.cores_alone)) for _ in range(count)
        ]
        for worker in workers if self._given else ():
            require_use(worker.runner.tuning)
        return workers


async def _call_everywhere(until: float, method: str, *arguments: Any) -> None:
    """Call a method of every process that speaks HTTP, this one too; one that dies meanwhile begins anew.

    Args:
        until: when all must have answered, on the monotonic clock.
        method: of the process.
        arguments: of it.
    """
    here = serve.get_replica_context()
    handle = serve.get_deployment_handle(here.deployment, app_name=here.app_name)
    responses = handle.broadcast(method, *arguments)
    try:
        results = await responses.results_async(
            timeout_s=max(1.0, until - time.monotonic()), return_exceptions=True
        )
    except TimeoutError as late:
        rule, value = "every process must take up a model", f"one that did not in {REPLACING_S:g} s"
        raise ModelError(rule, value, "see the logs of Ray, and try again") from late
    require_all(method, results)


def require_all(method: str, results: Iterable[object]) -> None:
    """Raise the first error among what a method of every process came to, but for processes that died meanwhile."""
    for error in results:
        if isinstance(error, LOST):
            log.warning("a process was lost during %s", method)
        elif isinstance(error, BaseException):
            raise find_cause(error)
