"""Lines wait together and come back to whoever asked, each with its own reading."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.inference.recogniser import Reading
from serve.intake.turns import CALLER, NOBODY, Caller
from serve.reading.line_queue import LineQueue
from train.data import images
from train.data.images import Image


def line(number: int) -> Image:
    return np.full((48, 10, 3), number, np.uint8)


async def ask(queue: LineQueue, request: int, *numbers: int) -> list[Reading]:
    """Have lines read on behalf of a request; call it in a task of its own."""
    CALLER.set(Caller("client", request))
    return await queue.read([line(number) for number in numbers], 0)


class Recogniser:
    """Reads a line's number; notes what came in one call and how many calls there were at once."""

    def __init__(self, failing: int | None = None) -> None:
        self.calls: list[list[int]] = []
        self.alone: list[bool] = []
        self.at_once = self.most = 0
        self._failing = failing

    async def read(self, images: Sequence[Image], wanted: Sequence[int], alone: bool) -> list[Reading]:
        numbers = [int(image[0, 0, 0]) for image in images]
        self.alone.append(alone)
        self.calls.append(numbers)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self._failing in numbers:
            raise ConnectionError("gone")
        return [Reading(f"{number}+{count}", 1.0) for number, count in zip(numbers, wanted, strict=True)]


@given(st.lists(st.lists(st.integers(0, 99), max_size=20), max_size=12), st.integers(1, 3), st.integers(1, 8))
def test_every_request_gets_its_own_lines_in_order(requests: list[list[int]], calls: int, most: int) -> None:
    recogniser = Recogniser()

    async def run() -> list[list[Reading]]:
        queue = LineQueue(recogniser.read, calls, most)
        return await asyncio.gather(
            *(queue.read([line(n) for n in numbers], i) for i, numbers in enumerate(requests))
        )

    answers = asyncio.run(run())
    assert [[r.text for r in answer] for answer in answers] == [
        [f"{n}+{i}" for n in numbers] for i, numbers in enumerate(requests)
    ]
    assert recogniser.most <= calls
    assert all(0 < len(call) <= most for call in recogniser.calls)
    assert sum(map(len, recogniser.calls)) == sum(map(len, requests))


@pytest.mark.parametrize(("width", "together"), [(3000, 8), (6000, 4), (images.MAX_WIDTH_PX, 2)])
def test_long_lines_fit_a_call(width: int, together: int) -> None:
    recogniser = Recogniser()
    lines = [np.full((images.HEIGHT_PX, width, 3), number, np.uint8) for number in range(16)]
    asyncio.run(LineQueue(recogniser.read, 1, 8).read(lines, 0))
    assert max(map(len, recogniser.calls)) == together
    assert max(map(len, recogniser.calls)) * lines[0].nbytes < 4 * 2**20


def test_waiting_lines_fill_the_next_call_and_a_large_request_is_spread() -> None:
    recogniser = Recogniser()

    async def run() -> None:
        queue = LineQueue(recogniser.read, 2, 8)
        await asyncio.gather(ask(queue, 0, *range(8)), *(ask(queue, n, n) for n in range(8, 14)))

    asyncio.run(run())
    assert recogniser.calls[:2] == [[0, 1, 2, 3], [4, 5, 6, 7]], "both calls are free: half each"
    assert [n for call in recogniser.calls[2:] for n in call] == list(range(8, 14))
    assert len(recogniser.calls) <= 4


@pytest.mark.parametrize(
    ("waiting", "together", "calls"),
    [(8, 1, [1] * 8), (8, 2, [2] * 4), (8, 8, [8]), (32, 1, [4, 4, 3, 3, 3, 2, 2, 2, 2] + [1] * 7)],
)
def test_lines_wait_for_each_other_only_where_that_is_worth_it(
    waiting: int, together: int, calls: list[int]
) -> None:
    recogniser = Recogniser()

    async def run() -> None:
        queue = LineQueue(recogniser.read, 2, 8)
        queue.together = together
        await asyncio.gather(*(ask(queue, n, n) for n in range(2 + waiting)))

    asyncio.run(run())
    assert [len(call) for call in recogniser.calls] == [1, 1, *calls]


@pytest.mark.parametrize(("others", "calls"), [(0, [8, 8, 4, 2, 1, 1]), (1, [8, 8, 8])])
def test_a_page_that_is_alone_ends_on_all_cores(others: int, calls: list[int]) -> None:
    recogniser = Recogniser()

    async def run() -> None:
        queue = LineQueue(recogniser.read, 2, 8)
        await asyncio.gather(ask(queue, 0, *range(others, 24)), *(ask(queue, 1, n) for n in range(others)))

    asyncio.run(run())
    assert [len(call) for call in recogniser.calls] == calls


def test_a_call_is_alone_if_no_other_is_under_way() -> None:
    recogniser = Recogniser()

    async def run() -> None:
        queue = LineQueue(recogniser.read, 2, 8)
        assert queue.idle
        await queue.read([line(1)], 0)
        await asyncio.gather(queue.read([line(2)], 0), queue.read([line(3)], 0))
        await queue.read([line(4)], 0)
        assert queue.idle

    asyncio.run(run())
    assert recogniser.calls == [[1], [2], [3], [4]]
    assert recogniser.alone == [True, False, False, True]


def test_a_failing_call_fails_its_own_lines_and_nothing_else() -> None:
    recogniser = Recogniser(failing=3)

    async def run() -> None:
        queue = LineQueue(recogniser.read, 1, 1)
        tasks = [asyncio.create_task(queue.read([line(n)], 0)) for n in range(6)]
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(answer, ConnectionError) for answer in done] == [n == 3 for n in range(6)]
        assert (await queue.read([line(9)], 0))[0].text == "9+0"

    asyncio.run(run())


def test_lines_of_a_request_that_went_away_are_not_read() -> None:
    recogniser = Recogniser()

    async def run() -> None:
        queue = LineQueue(recogniser.read, 1, 4)
        first = asyncio.create_task(queue.read([line(1)], 0))
        gone = asyncio.create_task(queue.read([line(2)], 0))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await first
        await queue.read([line(3)], 0)

    asyncio.run(run())
    assert recogniser.calls == [[1], [3]]


def test_a_call_belongs_to_no_request() -> None:
    """Ray Serve ends the calls of a request whose client has left; this one holds lines of others, too."""
    callers = []

    async def send(images: Sequence[Image], wanted: Sequence[int], alone: bool) -> list[Reading]:
        callers.append(CALLER.get(NOBODY))
        return [Reading("", 0.0)] * len(images)

    async def run() -> None:
        CALLER.set(Caller("somebody", 1))
        await LineQueue(send, 1, 8).read([line(1)], 0)

    asyncio.run(run())
    assert callers == [NOBODY]
