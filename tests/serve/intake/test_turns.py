"""Turns: no more at a time than there is room for, nobody forgotten, and no client before its turn."""

import asyncio
import threading
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from serve.intake.fetch import MakeRoom
from serve.intake.lanes import Lane, Lanes
from serve.intake.turns import CALLER, Caller, FairQueue, Turns
from serve.settings import Limits
from tests.serve.intake.crafted import pillow


def as_caller(client: str, request: int) -> None:
    CALLER.set(Caller(client, request))


def test_clients_come_in_turn_and_so_do_their_requests() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a1", "a1", "a2", "b3", "b3"):
        as_caller(item[0], int(item[1]))
        queue.push(item)
    assert [queue.pop() for _ in range(6)] == ["a1", "b3", "a2", "b3", "a1", "a1"]
    assert not queue


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.booleans()), max_size=20),
    st.integers(1, 4),
)
def test_bounds_hold_and_nothing_is_lost_when_some_go_away(
    asked: list[tuple[str, int, bool]], count: int
) -> None:
    seen: Counter[str] = Counter()

    async def run() -> None:
        turns, inside = Turns(count, 10), Counter[str]()

        async def work(number: int, client: str, size: int) -> None:
            as_caller(client, number)
            async with turns.hold(size):
                inside.update(count=1, size=min(size, 10))
                assert inside["count"] <= count
                assert inside["size"] <= 10
                try:
                    await asyncio.sleep(0)
                finally:
                    inside.subtract(count=1, size=min(size, 10))
            seen["done"] += 1

        tasks = [
            asyncio.create_task(work(number, client, size)) for number, (client, size, _) in enumerate(asked)
        ]
        await asyncio.sleep(0)
        for task, (_, _, leaves) in zip(tasks, asked, strict=True):
            if leaves:
                task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [error for error in done if isinstance(error, Exception)]
        for _ in range(count):
            assert await asyncio.wait_for(turns.enter(0), 60) == 0, "every place was given back"
        for _ in range(count):
            turns.leave(0)
        assert await asyncio.wait_for(turns.enter(10), 60) == 10, "and all the room"

    asyncio.run(run())
    assert seen["done"] >= sum(not leaves for _, _, leaves in asked)


def test_what_is_fetched_and_decoded_is_held_in_bounds() -> None:
    """Neither a URL nor a correction says how much there is behind it."""
    fetched: list[str] = []

    async def fetching(make_room: MakeRoom) -> bytes:
        await make_room(5)
        await make_room(10)
        fetched.append("one")
        return b"123"

    async def run() -> None:
        lanes, done = Lanes(Limits(body_bytes=10, decoded_bytes=40)), asyncio.Event()

        async def use() -> None:
            async with lanes.hold_fetched(fetching):
                await done.wait()

        using = [asyncio.create_task(use()) for _ in range(9)]
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(fetched) == 4, "of 20 bytes 8 are free, and the next one may be of 10"
        done.set()
        await asyncio.gather(*using)
        assert len(fetched) == 9
        lanes = Lanes(Limits())
        async with lanes.hold_picture(pillow()) as image:
            assert image.shape == (60, 80, 3)
            others = asyncio.create_task(lanes.small.turns.enter(10**9))
            for _ in range(50):
                await asyncio.sleep(0)
            assert not others.done(), "its place is taken as long as it is used"
        await others

    asyncio.run(run())


def test_a_clients_work_waits_for_few_pieces_of_anothers() -> None:
    """Sixty slow pictures of one client must not be decoded before one of another client."""
    begun, done = threading.Event(), list[str]()

    def work(client: str) -> None:
        begun.wait()
        done.append(client)

    async def run() -> None:
        lane = Lane(1, 64, 10**9)

        async def ask(number: int, client: str) -> None:
            as_caller(client, number)
            await lane.run(work, client)

        tasks = [asyncio.create_task(ask(*each)) for each in enumerate("aaaaaaaab")]
        await asyncio.sleep(0)
        begun.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())
    assert done.index("b") <= 2
