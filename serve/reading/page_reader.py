"""From a picture to its texts: detector, crops, orientation, recogniser."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from serve.errors import TooLargeError
from serve.inference.detector import is_large
from serve.inference.recogniser import Reading
from serve.intake.lanes import Lane
from serve.intake.turns import Turns
from serve.reading.page import Page, PageOptions, assemble, read_options
from serve.reading.remembered import Remembered
from serve.schemas import PageRequest
from serve.settings import LARGE_PX
from train.cut import Cut
from train.data.geometry import detection, orientation
from train.data.geometry.crops import cut
from train.data.geometry.detection import DetectionParameters
from train.data.geometry.orientation import LineInput
from train.data.images import Image


class Models(Protocol):
    """The models that are served, as a page needs them (`serve/reading/services.py`)."""

    def serves(self, task: str) -> bool:
        """Say whether a model of the task is served."""

    async def call(self, task: str, method: str, *arguments: Any) -> Any:
        """Call any replica of a model; if it dies, another one is called."""

    async def run(self, task: str, method: str, *arguments: Any) -> Any:
        """Run a model; it may use all cores if no other model is running."""

    async def recognise(self, lines: Sequence[Image]) -> list[Reading]:
        """Return the readings of line crops of any size."""


MOST_COVERED = 4
"""Times. Grown by a large ratio, each of a thousand boxes is as large as the page."""


@dataclass(frozen=True)
class _Told:
    """What the models say of how they are used.

    Attributes:
        defaults: the detector's parameters.
        cut: how the recogniser wants lines cut out of a page.
        line_input: the orienter's; None without one.
    """

    defaults: DetectionParameters
    cut: Cut
    line_input: LineInput | None


class PageReader:
    """Reads pages with the models that are served."""

    def __init__(self, models: Models, calls: int) -> None:
        """Take the models, and how many pictures the detector is given at a time."""
        self._models = models
        self._finding, self._finding_large = Turns(calls), Turns(1)
        self._told = Remembered(self._ask_models)

    async def options(self, asked: PageRequest) -> PageOptions:
        """Return the options of a page; raise UndecodableError where they ask for what is not served."""
        told = await self._told.get()
        return read_options(asked, told.defaults, self._models.serves("orientation"), told.cut)

    def forget(self) -> None:
        """Ask the models for their settings again: one of them was replaced."""
        self._told.forget()

    async def _ask_models(self) -> _Told:
        ask = self._models.call
        line_input = await ask("orientation", "line_input") if self._models.serves("orientation") else None
        return _Told(await ask("detection", "defaults"), await ask("recognition", "cut"), line_input)

    async def read(self, page: Image, options: PageOptions, lane: Lane) -> Page:
        """Read a page, (H, W, 3) uint8 BGR; what is computed here is computed in the threads of `lane`."""
        size = page.shape[0], page.shape[1]
        prepared = detection.prepared_size(*size, options.search)
        # made large only when its turn comes: some pixels may be asked to be searched at 16 megapixels
        grows = prod(prepared) > prod(size)
        picture = page if grows else await lane.run(detection.prepare, page, options.search)
        async with (self._finding_large if is_large(prepared) else self._finding).hold():
            if grows:
                picture = await lane.run(detection.prepare, page, options.search)
            boxes, _ = await self._models.run("detection", "find", picture, size, options.search)
            del picture
        _require_room(boxes, size)
        quads, crops = await lane.run(cut, page, boxes, options.cut)
        angles = await self._angles(crops, lane) if options.orientation and crops else None
        if angles and any(angles):
            crops = await lane.run(_turn_upright, crops, angles)
        sizes = [(crop.shape[0], crop.shape[1]) for crop in crops]
        readings = await self._models.recognise(crops)
        found = options, quads, sizes, angles, readings
        # the words of a dense page take a third of a second
        return await lane.run(assemble, *found) if options.words else assemble(*found)

    async def _angles(self, crops: Sequence[Image], lane: Lane) -> list[int]:
        how = (await self._told.get()).line_input
        assert how is not None
        lines = await lane.run(_prepare_lines, crops, how)
        found: list[int] = await self._models.run("orientation", "turned", lines)
        return found


def _require_room(boxes: npt.NDArray[np.int32], size: tuple[int, int]) -> None:
    """Raise TooLargeError if the crops of (N, 4, 2) boxes would take many times the memory of their page."""
    x, y = boxes[..., 0].astype(np.float64), boxes[..., 1].astype(np.float64)
    areas = np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)) / 2
    covered = float(areas.sum())
    if covered > max(MOST_COVERED * size[0] * size[1], LARGE_PX):
        raise TooLargeError(
            f"the boxes of a page must cover it at most {MOST_COVERED} times",
            f"{covered / (size[0] * size[1]):.0f} times",
            "lower textDetUnclipRatio",
        )


def _prepare_lines(crops: Sequence[Image], how: LineInput) -> list[Image]:
    return [orientation.prepare(crop, how) for crop in crops]


def _turn_upright(crops: Sequence[Image], angles: Sequence[int]) -> list[Image]:
    return [orientation.turn(crop) if angle else crop for crop, angle in zip(crops, angles, strict=True)]
