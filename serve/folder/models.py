"""The models of one process, as `serve.reading.page_reader` asks for them; a server's are replicas."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from serve.folder.settings import FolderSettings
from serve.inference.detector import TextDetector
from serve.inference.model import load_model
from serve.inference.orienter import LineOrienter
from serve.inference.recogniser import NOTHING, LineReader, Reading, share_out
from serve.runtime.gpus import require_use
from train.data.images import Image


def open_line_reader(settings: FolderSettings) -> LineReader:
    """Return the recogniser of a reading; raise ModelError where it was given a GPU and does not run there."""
    reader = LineReader(load_model("recognition", settings.recognition), settings.threads, cores=1)
    _require_gpu(settings, reader)
    return reader


def _require_gpu(settings: FolderSettings, model: LineReader | TextDetector | LineOrienter) -> None:
    if settings.gpus:
        require_use(model.tuning.as_dict())


class LocalModels:
    """Detector, recogniser and, where there is one, orienter; one thread runs them all."""

    def __init__(self, settings: FolderSettings) -> None:
        assert settings.detection is not None
        self._reader = open_line_reader(settings)
        detector = TextDetector(load_model("detection", settings.detection), settings.threads, cores=1)
        _require_gpu(settings, detector)
        self._served: dict[str, Any] = {"recognition": self._reader.model, "detection": detector}
        if settings.orientation:
            orienter = LineOrienter(
                load_model("orientation", settings.orientation), settings.threads, cores=1
            )
            _require_gpu(settings, orienter)
            self._served["orientation"] = SimpleNamespace(line_input=orienter.how, turned=orienter.angles)
        self._thread = ThreadPoolExecutor(1)

    def serves(self, task: str) -> bool:
        """Say whether there is a model of the task."""
        return task in self._served

    async def call(self, task: str, method: str, *arguments: Any) -> Any:
        """Return what a model says of how it is used; the names are those of `serve.inference.replicas`."""
        return getattr(self._served[task], method)

    async def run(self, task: str, method: str, *arguments: Any) -> Any:
        """Run a model."""
        return await self._in_thread(getattr(self._served[task], method), *arguments)

    async def recognise(self, lines: Sequence[Image]) -> list[Reading]:
        """Return the readings of line crops of any size; what is too long, as ruled lines are, says nothing."""
        found: list[Reading] = await self._in_thread(self._recognise, lines)
        return found

    def _recognise(self, lines: Sequence[Image]) -> list[Reading]:
        found: list[Reading] = []
        for some in share_out(lines, self._reader.model.upright):
            shown = self._reader.show(some)
            fitting = [line for line in shown if line is not None]
            readings = iter(self._reader.read(fitting, [0] * len(fitting)))
            found += [NOTHING if line is None else next(readings) for line in shown]
        return found

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
