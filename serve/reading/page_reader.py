"""From a picture to its texts: detector, crops, orientation, recogniser."""

from collections.abc import Sequence
from typing import Any, Protocol

from serve.inference.detector import is_large
from serve.inference.recogniser import Reading
from serve.intake.lanes import Lane
from serve.intake.turns import Turns
from serve.reading.page import Page, PageOptions, assemble, read_options
from serve.schemas import PageRequest
from train.cut import PADDLEOCR
from train.data import detection, orientation
from train.data.crops import cut
from train.data.detection import DetectionParameters
from train.data.images import Image
from train.data.orientation import LineInput


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


class PageReader:
    """Reads pages with the models that are served."""

    def __init__(self, models: Models, calls: int) -> None:
        """Take the models, and how many pictures the detector is given at a time."""
        self._models = models
        self._finding, self._finding_large = Turns(calls), Turns(1)
        self._defaults: DetectionParameters | None = None
        self._line_input: LineInput | None = None
        self._cut = PADDLEOCR

    async def options(self, asked: PageRequest) -> PageOptions:
        """Return the options of a page; raise UndecodableError where they ask for what is not served."""
        defaults = await self._ask_models()
        return read_options(asked, defaults, self._models.serves("orientation"), self._cut)

    def forget(self) -> None:
        """Ask the models for their settings again: one of them was replaced."""
        self._defaults = None

    async def _ask_models(self) -> DetectionParameters:
        """Return the detector's default parameters; the models are asked once for their settings."""
        if self._defaults is None:
            if self._models.serves("orientation"):
                self._line_input = await self._models.call("orientation", "line_input")
            self._cut = await self._models.call("recognition", "cut")
            self._defaults = await self._models.call("detection", "defaults")
        return self._defaults

    async def read(self, page: Image, options: PageOptions, lane: Lane) -> Page:
        """Read a page, (H, W, 3) uint8 BGR; what is computed here is computed in the threads of `lane`."""
        picture = await lane.run(detection.prepare, page, options.search)
        turns = self._finding_large if is_large(picture) else self._finding
        async with turns.hold():
            boxes, _ = await self._models.run("detection", "find", picture, page.shape[:2], options.search)
        del picture
        quads, crops = await lane.run(cut, page, boxes, options.cut)
        angles = await self._angles(crops) if options.orientation and crops else None
        if angles:
            crops = [orientation.turn(c) if angle else c for c, angle in zip(crops, angles, strict=True)]
        sizes = [(crop.shape[0], crop.shape[1]) for crop in crops]
        return assemble(options, quads, sizes, angles, await self._models.recognise(crops))

    async def _angles(self, crops: Sequence[Image]) -> list[int]:
        assert self._line_input is not None
        lines = [orientation.prepare(crop, self._line_input) for crop in crops]
        found: list[int] = await self._models.run("orientation", "turned", lines)
        return found
