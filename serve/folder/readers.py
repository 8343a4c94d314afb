"""Files to records, in one process: every image a line, or every file pages; the pixels, models and texts as served."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

from serve.api.rules import find_rule
from serve.folder.places import File
from serve.folder.rows import Record, Row, compute_digest, make_line, make_record, make_refusal
from serve.folder.settings import FolderSettings
from serve.inference.detector import TextDetector
from serve.inference.model import load_model
from serve.inference.orienter import LineOrienter
from serve.inference.recogniser import NOTHING, LineReader, Reading, share_out
from serve.intake.guard import is_pdf, open_images, require_lines
from serve.intake.lanes import Lane, Lanes
from serve.reading.document_reader import DocumentReader
from serve.reading.page import PageOptions
from serve.reading.page_reader import PageReader
from serve.runtime.gpus import require_use
from train.data.images import Image
from train.errors import DataError, OcrError

DECODERS = 4
"""Threads that fetch and decode files: they mostly wait for a disk or a network."""
FILES_AT_ONCE = 2
"""Files of pages under way in one reader: the next is decoded while one is read."""
Checks = Callable[[str], Mapping[str, bool]]


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


class _Line(NamedTuple):
    image: Image
    warnings: tuple[str, ...]
    digest: str | None


class LineFiles:
    """Reads images of one line each."""

    def __init__(self, settings: FolderSettings) -> None:
        """Open the model."""
        self._settings, self._checks = settings, _find_checks(settings)
        self._reader = open_line_reader(settings)
        self._decoders = ThreadPoolExecutor(DECODERS)

    def read(self, files: Sequence[File]) -> list[Record]:
        """Return the record of each file."""
        decoded = list(self._decoders.map(self._decode, files))
        lines = [one.image for one in decoded if isinstance(one, _Line)]
        wanted = self._settings.alternatives + bool(
            self._settings.alternatives
        )  # its own text may be among them
        readings = iter(self._reader.read(lines, [wanted] * len(lines)))
        return [
            make_refusal(file.name, one)
            if isinstance(one, OcrError)
            else make_record(file.name, [[self._make_line(next(readings))]], one.warnings, one.digest)
            for file, one in zip(files, decoded, strict=True)
        ]

    def _make_line(self, reading: Reading) -> Row:
        reading = reading.greedy if self._settings.decode == "raw" else reading
        others = reading.others(self._settings.alternatives)
        return make_line(replace(reading, alternatives=others), self._checks)

    def _decode(self, file: File) -> _Line | OcrError:
        """Return a file's line as the recogniser takes it, or why there is none."""
        try:
            data = file.read()
            if is_pdf(data, None):
                raise DataError("a PDF is read with a detector (--detection)", file.name, "name one")
            pictures = open_images([data], self._settings.limits)
            image = pictures.decode(0)
            require_lines([image], self._reader.model.upright)
        except OcrError as error:
            return error
        line = self._reader.show([image])[0]
        assert line is not None  # it would have been refused
        return _Line(line, pictures.warnings[0], _digest_for(self._settings, data))


class PageFiles:
    """Reads photos, pages and documents."""

    def __init__(self, settings: FolderSettings) -> None:
        """Open the models."""
        self._settings, self._checks = settings, _find_checks(settings)
        self._pages = PageReader(LocalModels(settings), FILES_AT_ONCE)
        self._documents = DocumentReader(self._pages, Lanes(settings.limits), settings.limits)
        self._loop = asyncio.Runner()

    def read(self, files: Sequence[File]) -> list[Record]:
        """Return the record of each file."""
        return self._loop.run(self._read(files))

    async def _read(self, files: Sequence[File]) -> list[Record]:
        options = await self._pages.options(self._settings.request)
        at_once = asyncio.Semaphore(FILES_AT_ONCE)

        async def read(file: File) -> Record:
            async with at_once:
                return await self._read_file(file, options)

        return list(await asyncio.gather(*map(read, files)))

    async def _read_file(self, file: File, options: PageOptions) -> Record:
        try:
            data = await asyncio.to_thread(file.read)
            answer = partial(self._answer, options)
            pages, _, warnings = await self._documents.read_with(answer, data, None)
        except OcrError as error:
            return make_refusal(file.name, error)
        lines = [page["lines"] for page in pages]
        return make_record(file.name, lines, warnings, _digest_for(self._settings, data))

    async def _answer(self, options: PageOptions, image: Image, lane: Lane) -> dict[str, Any]:
        page = await self._pages.read(image, options, lane)
        return {"lines": [make_line(line, self._checks) | {"box": line.quad.tolist()} for line in page.lines]}


def _digest_for(settings: FolderSettings, data: bytes) -> str | None:
    """Return the digest of a file that labels will stand beside; None for rows."""
    return compute_digest(data) if settings.form == "labels" else None


def _find_checks(settings: FolderSettings) -> Checks | None:
    return find_rule(settings.rule) if settings.rule else None


def make_reader(settings: FolderSettings) -> LineFiles | PageFiles:
    """Return what reads the files of a reading."""
    return PageFiles(settings) if settings.pages else LineFiles(settings)
