"""Files to records, in one process: every image a line, or every file pages; the pixels, models and texts as served."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from serve.api.rules import find_rule
from serve.folder.models import LocalModels, open_line_reader
from serve.folder.places import File
from serve.folder.rows import Record, Row, compute_digest, make_line, make_record, make_refusal
from serve.folder.settings import FolderSettings
from serve.inference.recogniser import Reading
from serve.intake.guard import is_pdf, open_images, require_lines
from serve.intake.lanes import Lane, Lanes
from serve.reading.document_reader import DocumentReader
from serve.reading.page import PageOptions
from serve.reading.page_reader import PageReader
from train.data.images import Image
from train.errors import DataError, OcrError

DECODERS = 4
"""Threads that fetch and decode files: they mostly wait for a disk or a network."""
FILES_AT_ONCE = 2
"""Files of pages under way in one reader: the next is decoded while one is read."""
Checks = Callable[[str], Mapping[str, bool]]


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
