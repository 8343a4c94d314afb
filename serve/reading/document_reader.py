"""From a file to the answer about its pages: decoded, read and drawn in turn, within the bounds of `Lanes`."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from serve.errors import TooLargeError
from serve.intake.documents import PdfPages, Size
from serve.intake.guard import Pictures, count_bytes, describe_pages, is_pdf, open_picture
from serve.intake.lanes import SMALL_BYTES, Lane, Lanes
from serve.reading.page import Page, PageOptions, describe_unread, make_pruned_result
from serve.reading.page_reader import PageReader
from serve.reading.visualize import draw_jpeg, encode_jpeg
from serve.settings import Limits
from train.data.images import Image

PAGES_AT_ONCE = 4
"""Pages of one document under way: it must not keep others waiting, nor hold all its crops in memory."""
Result = dict[str, Any]


class DocumentReader:
    """Reads pictures and PDFs."""

    def __init__(self, pages: PageReader, lanes: Lanes, limits: Limits) -> None:
        self._pages, self._lanes, self._limits = pages, lanes, limits

    async def read(
        self, data: bytes, file_type: int | None, options: PageOptions, visualize: bool
    ) -> tuple[list[Result], dict[str, Any], tuple[str, ...]]:
        """Return the `ocrResults` and the `dataInfo` of a file, and warnings.

        Args:
            data: the file.
            file_type: 0 for a PDF, 1 for an image, None for either.
            options: how its pages are read.
            visualize: pictures are drawn, too.

        Raises:
            TooLargeError, UnsupportedError, UndecodableError: see `serve.errors`.
        """
        drawn, unread = _Pictures(self._limits), list[Size]()
        answer = partial(self._answer, options, visualize, drawn, unread)
        results, info, warnings = await self.read_with(answer, data, file_type)
        return results, info, (*warnings, *describe_unread(unread))

    async def read_with(
        self, answer: "Answer", data: bytes, file_type: int | None
    ) -> tuple[list[Result], dict[str, Any], tuple[str, ...]]:
        """Return what `answer` makes of every page, the `dataInfo` of a file, and warnings; raises as `read`."""
        if is_pdf(data, file_type):
            return *await self._read_pdf(data, answer), ()
        return await self._read_picture(data, answer)

    async def _read_picture(
        self, data: bytes, answer: "Answer"
    ) -> tuple[list[Result], dict[str, Any], tuple[str, ...]]:
        """Read a picture, or the pages of a TIFF: a small picture is opened and decoded in one step."""
        small = self._lanes.small
        held = await small.turns.enter(SMALL_BYTES)
        try:
            pictures, image = await small.run(_open_small, data, self._limits)
            if image is not None:
                small.turns.shrink(held - image.nbytes)
                held = image.nbytes
                info = describe_pages([_size_of(image)], pictures.kind)
                return [await answer(image, small)], info, pictures.warnings[0]
        finally:
            small.turns.leave(held)

        async def decode(index: int, lane: Lane) -> Image:
            return await lane.run(pictures.decode, index)

        results, sizes = await self._read_in_turn(pictures.sizes, decode, answer)
        warnings = pictures.warnings[0] if pictures.kind == "image" else ()
        return results, describe_pages(sizes, pictures.kind), warnings

    async def _read_pdf(self, data: bytes, answer: "Answer") -> tuple[list[Result], dict[str, Any]]:
        documents = self._lanes.documents
        async with documents.turns.hold():
            with PdfPages(data, self._limits) as pages:

                async def render(_: int, __: Lane) -> Image:
                    return await documents.run(pages.render)

                sizes = await documents.run(pages.open)
                results, rendered = await self._read_in_turn(sizes, render, answer)
        return results, describe_pages(rendered, "pdf")

    async def _read_in_turn(
        self, sizes: Sequence[Size], decode: "Decode", answer: "Answer"
    ) -> tuple[list[Result], list[Size]]:
        """Decode one page after another, as there is room, and read a few of them at a time."""
        at_once = asyncio.Semaphore(PAGES_AT_ONCE)
        tasks: list[asyncio.Task[Result]] = []
        decoded: list[Size] = []
        try:
            async with asyncio.TaskGroup() as group:
                for index, size in enumerate(sizes):
                    await at_once.acquire()
                    lane = self._lanes.of_picture(size)
                    held = await lane.turns.enter(count_bytes(size))
                    leave = partial(_leave, lane, held, at_once)
                    try:
                        image = await decode(index, lane)
                    except BaseException:
                        leave()
                        raise
                    decoded.append(_size_of(image))
                    tasks.append(group.create_task(answer(image, lane)))
                    tasks[-1].add_done_callback(leave)
                    del image  # it lives as long as its task
        except BaseExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return [task.result() for task in tasks], decoded

    async def _answer(
        self,
        options: PageOptions,
        visualize: bool,
        drawn: "_Pictures",
        unread: list[Size],
        image: Image,
        lane: Lane,
    ) -> Result:
        page = await self._pages.read(image, options, lane)
        unread.extend(page.unread)
        result = await lane.run(_make_result, image, page, visualize)
        drawn.add(result)
        return result


class _Pictures:
    """The pictures in one answer: of many pages, they take more than the pages' texts by far."""

    def __init__(self, limits: Limits) -> None:
        self._most, self._pages, self._bytes = limits.answer_bytes, 0, 0

    def add(self, result: Result) -> None:
        """Count a page's pictures; raise TooLargeError if they are too much."""
        self._pages += 1
        self._bytes += sum(len(result.get(name, "")) for name in ("ocrImage", "inputImage"))
        if self._bytes > self._most:
            raise TooLargeError(
                f"the pictures in an answer must take at most {self._most} bytes",
                f"more with {self._pages} pages",
                'send "visualize": false, or the pages in parts',
            )


Answer = Callable[[Image, Lane], Coroutine[Any, Any, Result]]
Decode = Callable[[int, Lane], Awaitable[Image]]


def _leave(lane: Lane, held: int, at_once: asyncio.Semaphore, _: object = None) -> None:
    lane.turns.leave(held)
    at_once.release()


def _open_small(data: bytes, limits: Limits) -> tuple[Pictures, Image | None]:
    """Return the pictures of a file, and the picture if there is one and it is small."""
    pictures = open_picture(data, limits)
    alone = pictures.kind == "image" and pictures.decoded_bytes <= SMALL_BYTES
    return pictures, pictures.decode(0) if alone else None


def _size_of(image: Image) -> Size:
    return image.shape[1], image.shape[0]


def _make_result(image: Image, page: Page, visualize: bool) -> Result:
    """Return a page's answer; as in PaddleX, a picture that there is not is left out."""
    result: Result = {"prunedResult": make_pruned_result(page)}
    if visualize:
        result["ocrImage"] = _encode_base64(draw_jpeg(image, page))
        result["inputImage"] = _encode_base64(encode_jpeg(image))
    return result


def _encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
