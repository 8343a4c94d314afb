"""What the routes call: the model replicas, and with them the settings and metrics."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from serve.errors import BusyError, ConflictError
from serve.inference.recogniser import NOTHING, Reading, share_out, show_lines
from serve.inference.runners import CALL_LINES, Lines
from serve.intake.at_once import DECODED_AT_ONCE_BYTES, decodes_at_once
from serve.intake.guard import Pictures, open_images, require_lines
from serve.intake.lanes import SMALL_BYTES, Lanes
from serve.metrics import Metrics
from serve.reading.document_reader import DocumentReader
from serve.reading.line_queue import LineQueue
from serve.reading.page_reader import PageReader
from serve.reading.remembered import Remembered
from serve.settings import Limits, Settings
from train.data.images import Image

Warnings = list[tuple[str, ...]]
READY_S = 5.0


class ServedModel(Protocol):
    """A task's model, in replicas of its own (`RemoteModel`) or in every process that speaks HTTP (`FusedModel`)."""

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of one of the model's runners (`serve/inference/runners.py`)."""

    def replace(self, source: str) -> None:
        """Put a bundle's folder or a pretrained model to work; return when it serves."""


class Services:
    """The models behind one ingress replica."""

    def __init__(self, settings: Settings, metrics: Metrics, models: Mapping[str, ServedModel]) -> None:
        self.settings, self.metrics = settings, metrics
        self._models = models
        calls = settings.calls_per_replica * settings.recognisers_each
        self.lanes = Lanes(settings.limits)
        # the next picture is there as soon as one was searched; more of them would wait out of turn
        self.pages = PageReader(self, settings.calls_per_replica + 1)
        self.documents = DocumentReader(self.pages, self.lanes, settings.limits)
        self._shape = Remembered(self._ask_shape)
        self._running = 0  # models beside the recognisers
        self._queue = LineQueue(self._read, calls, CALL_LINES)

    def serves(self, task: str) -> bool:
        """Say whether there is a model for a task."""
        return task in self._models

    async def call(self, task: str, method: str, *arguments: Any) -> Any:
        """Call a model's replica, any of them."""
        return await self._models[task].call(method, *arguments)

    async def run(self, task: str, method: str, *arguments: Any) -> Any:
        """Run a model other than the recogniser; it may use all cores if no other model is running."""
        self._running += 1
        try:
            return await self.call(task, method, *arguments, self._running == 1 and self._queue.idle)
        finally:
            self._running -= 1

    async def read_lines(self, files: Sequence[bytes], alternatives: int) -> tuple[list[Reading], Warnings]:
        """Return the readings of image files that show one line each, and their warnings; raises as `open_images`."""
        limits, small = self.settings.limits, self.lanes.small
        upright, _ = await self._shape.get()
        held = await small.turns.enter(SMALL_BYTES)
        try:
            opened = _open_at_once(files, limits, upright)
            pictures, lines = opened if opened else await small.run(_open_small, files, limits, upright)
            if lines is not None:
                small.turns.shrink(held - pictures.decoded_bytes)
                held = pictures.decoded_bytes
                return await self.recognise(lines, alternatives), pictures.warnings
        finally:
            small.turns.leave(held)
        large = self.lanes.large
        async with large.turns.hold(pictures.decoded_bytes):
            lines = await large.run(_decode_all, pictures, upright)
            return await self.recognise(lines, alternatives), pictures.warnings

    async def recognise(self, lines: Sequence[Image], alternatives: int = 0) -> list[Reading]:
        """Read line images of any size, (H, W, 3) uint8 BGR; what is too long, as ruled lines are, says nothing."""
        upright, padded_px = await self._shape.get()
        found: list[Reading] = []
        for some in share_out(lines, upright):
            large = sum(line.nbytes for line in some) > SMALL_BYTES
            show = partial(show_lines, some, upright, padded_px)
            shown = await self.lanes.large.run(show) if large else show()
            fitting = [line for line in shown if line is not None]
            readings = iter(await self._queue.read(fitting, alternatives))
            found += [NOTHING if line is None else next(readings) for line in shown]
        return found

    async def _ask_shape(self) -> tuple[str, int]:
        """Return what the recogniser wants done with upright lines, and the width to which it pads every line."""
        self._queue.together = await self.call("recognition", "together")
        return await self.call("recognition", "upright"), await self.call("recognition", "padded_px")

    async def _read(self, images: list[Image], wanted: list[int], alone: bool) -> list[Reading]:
        readings, work = await self.call(
            "recognition", "read", Lines(images, wanted, alone and not self._running)
        )
        self.metrics.count_lines(len(readings), work.batch, work.queued_s)
        return list(readings)

    def replace(self, task: str, source: str) -> None:
        """Put a bundle's folder, or a pretrained model by its name, to work everywhere; return when it serves.

        Calls that are under way are finished by the old one.
        """
        if task not in self._models:
            raise ConflictError("a promoted model's task must be served", task, f"start it with --{task}")
        self._models[task].replace(source)
        self.forget()

    def forget(self) -> None:
        """Ask the models for their settings again: one of them was replaced."""
        self._shape.forget()
        self.pages.forget()

    async def ready(self) -> bool:
        """Say whether every model has a replica that answers."""
        try:
            await asyncio.wait_for(self.facts(), READY_S)
        except (BusyError, TimeoutError):
            return False
        return True

    async def facts(self) -> list[dict[str, Any]]:
        """Return the facts of every model that is served, for `/v1/models`."""
        return list(await asyncio.gather(*(model.call("facts") for model in self._models.values())))


def _open_at_once(
    files: Sequence[bytes], limits: Limits, upright: str
) -> tuple[Pictures, list[Image]] | None:
    """Return the pictures of files, decoded; None where that is work for a thread."""
    if not decodes_at_once(files):
        return None
    pictures = open_images(files, limits)
    few = pictures.decoded_bytes <= DECODED_AT_ONCE_BYTES
    return (pictures, _decode_all(pictures, upright)) if few else None


def _open_small(files: Sequence[bytes], limits: Limits, upright: str) -> tuple[Pictures, list[Image] | None]:
    """Return the pictures of files, decoded if they are small together."""
    pictures = open_images(files, limits)
    return pictures, _decode_all(pictures, upright) if pictures.decoded_bytes <= SMALL_BYTES else None


def _decode_all(pictures: Pictures, upright: str) -> list[Image]:
    images = [pictures.decode(index) for index in range(len(pictures.headers))]
    require_lines(images, upright)
    return images
