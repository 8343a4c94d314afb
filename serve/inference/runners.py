"""The models as they are run, each in one thread of its process: in a replica of its own, or in the ingress."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from serve.inference.aside import Boxes, LargePictureDetector
from serve.inference.detector import TextDetector, is_large
from serve.inference.model import Model, load_model
from serve.inference.orienter import LineOrienter
from serve.inference.recogniser import LineReader, Reading
from serve.intake.idle import WhenIdle
from serve.runtime.sessions import ElasticSession
from serve.settings import Settings
from train.cut import Cut
from train.data.geometry.detection import DetectionParameters
from train.data.geometry.orientation import LineInput
from train.data.images import Image

T = TypeVar("T")
CALL_S = 0.02
"""What a call in the same process takes where enough waits: of a shorter one much is the way to the thread and back."""
CALL_LINES = 8
"""Most lines of one call: a large request is spread over the recognisers."""


@dataclass(frozen=True)
class Lines:
    """A call's lines, the number of alternatives for each, and whether no other model runs meanwhile."""

    images: list[Image]
    wanted: list[int]
    alone: bool


@dataclass(frozen=True)
class CallStats:
    """How long a call waited in the replica, and how many lines were read together: for the metrics."""

    queued_s: float
    batch: int


class ModelRunner:
    """A model and the one thread that runs it: what the runners of all tasks share.

    Attributes:
        on_every_core: one runs for each core or GPU, and calls wait in the ingress; otherwise there is one, where
            calls wait.
        by_reference: arguments of a replica go through the object store, as pictures must; gRPC is faster but takes
            4 MB at most.
    """

    on_every_core: ClassVar[bool] = False
    by_reference: ClassVar[bool] = True
    model: Model
    session: ElasticSession
    tuning: dict[str, Any]

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)  # a session is never run by two threads
        self._idle = WhenIdle(lambda: self._thread.submit(self.session.shrink))

    @classmethod
    def count(cls, settings: Settings) -> int:
        """Return how many of them run, for each process that speaks HTTP."""
        return settings.recognisers_each if cls.on_every_core else 1

    @classmethod
    def ongoing(cls, settings: Settings) -> int:
        """Return how many calls a replica holds. When all are full, Ray's router tries again, at growing intervals."""
        return settings.calls_per_replica if cls.on_every_core else settings.limits.queued

    async def facts(self) -> dict[str, Any]:
        """Return what `/v1/models` says of this model."""
        facts = {"task": self.model.task, "name": self.model.name, "version": self.model.version}
        return facts | self.model.facts | {"charset_size": len(self.model.characters), "tuning": self.tuning}

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run blocking work beside the event loop, one piece after another; give its memory back when none follows."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
        finally:
            self._idle.restart()


def count_lines(calls: Sequence[tuple[Lines, float]]) -> int:
    """Return how many lines there are in calls."""
    return sum(len(lines.images) for lines, _ in calls)


class Recogniser(ModelRunner):
    """Reads lines, in calls that were filled before (`serve/reading/line_queue.py`)."""

    on_every_core = True
    by_reference = False

    def __init__(self, source: str, threads: int, cores: int | None) -> None:
        super().__init__()
        self._reader = LineReader(load_model("recognition", source), threads, cores)
        self.session = self._reader.session
        self.model, self.tuning = self._reader.model, self._reader.tuning.as_dict()

    async def padded_px(self) -> int:
        """Return the width to which every line is padded at least."""
        return self.model.min_width_px

    async def upright(self) -> str:
        """Return what is done with upright lines before they are read."""
        return self.model.upright

    async def cut(self) -> Cut:
        """Return how lines are cut out of photos for it."""
        return self.model.cut

    async def together(self) -> int:
        """Return how many lines go in one call where as many wait: a batch, or what takes CALL_S."""
        return max(int(self.tuning["batch"]), int(CALL_S * self.tuning["rows_per_s"] + 0.5))

    async def read(self, lines: Lines) -> tuple[list[Reading], CallStats]:
        """Return the readings of one call's lines, in their order."""
        return (await self.read_calls([(lines, time.monotonic())]))[0]

    async def read_calls(self, calls: list[tuple[Lines, float]]) -> list[tuple[list[Reading], CallStats]]:
        """Return the readings of each call's lines, read as one batch; calls come with the time when they came."""
        started, total = time.monotonic(), count_lines(calls)
        images = [image for lines, _ in calls for image in lines.images]
        wanted = [count for lines, _ in calls for count in lines.wanted]
        alone = len(calls) == 1 and calls[0][0].alone
        readings = iter(await self.in_thread(self._reader.read, images, wanted, alone))
        return [
            ([next(readings) for _ in lines.images], CallStats(started - arrived, total))
            for lines, arrived in calls
        ]


class Detector(ModelRunner):
    """Finds text in a picture; pictures have sizes of their own, so each is run alone."""

    def __init__(self, source: str, threads: int, cores: int | None) -> None:
        super().__init__()
        self._detector = TextDetector(load_model("detection", source), threads, cores)
        self.session = self._detector.session
        self._aside = LargePictureDetector(source)
        self.model, self.tuning = self._detector.model, self._detector.tuning.as_dict()

    async def defaults(self) -> DetectionParameters:
        """Return the thresholds that the model was tuned to."""
        return self._detector.defaults

    async def find(
        self, picture: Image, size: tuple[int, int], how: DetectionParameters, alone: bool
    ) -> Boxes:
        """Return (N, 4, 2) corners and (N,) scores in a picture that was prepared from one of `size` (H, W)."""
        if is_large(picture.shape) and not self._detector.on_gpu:
            return await self._aside.find(picture, size, how)
        return await self.in_thread(self._detector.find, picture, size, how, alone)


class Orienter(ModelRunner):
    """Tells which lines stand on their heads."""

    def __init__(self, source: str, threads: int, cores: int | None) -> None:
        super().__init__()
        self._orienter = LineOrienter(load_model("orientation", source), threads, cores)
        self.session = self._orienter.session
        self.model, self.tuning = self._orienter.model, self._orienter.tuning.as_dict()

    async def line_input(self) -> LineInput:
        """Return how a line becomes the model's input."""
        how: LineInput = self._orienter.how
        return how

    async def turned(self, lines: list[Image], alone: bool) -> list[int]:
        """Return 1 for every prepared line that stands on its head, 0 for the others."""
        return (await self.turned_calls([(lines, alone)]))[0]

    async def turned_calls(self, calls: list[tuple[list[Image], bool]]) -> list[list[int]]:
        """Return the same for each call, computed as one batch."""
        lines = [line for call, _ in calls for line in call]
        alone = len(calls) == 1 and calls[0][1]
        angles = iter(await self.in_thread(self._orienter.angles, lines, alone))
        return [[next(angles) for _ in call] for call, _ in calls]


RUNNERS: dict[str, Any] = {"recognition": Recogniser, "detection": Detector, "orientation": Orienter}
"""The class of each task."""
