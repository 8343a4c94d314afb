"""Models that run in the process that speaks HTTP: a line crosses to no other process."""

from dataclasses import dataclass
from typing import Any

from serve.inference.parts import PARTS, Part
from serve.settings import Settings


@dataclass
class _Worker:
    part: Part
    calls: int = 0


class FusedModel:
    """A task's model: as many parts as it would have replicas, each with a thread and sessions of its own."""

    def __init__(self, task: str, source: str, settings: Settings) -> None:
        """Open the model; `source` is a bundle's folder or a pretrained model's name."""
        self._task, self._settings = task, settings
        self.replace(source)

    def replace(self, source: str) -> None:
        """Open another model and call it from now on; the old one finishes the calls that it has."""
        kind, threads = PARTS[self._task], self._settings.threads_per_replica
        self._workers = [_Worker(kind(source, threads)) for _ in range(kind.count(self._settings))]

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call the part that has the fewest calls."""
        worker = min(self._workers, key=lambda one: one.calls)
        worker.calls += 1
        try:
            return await getattr(worker.part, method)(*arguments)
        finally:
            worker.calls -= 1
