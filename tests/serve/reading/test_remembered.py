"""Answers that are kept."""

import asyncio

from serve.reading.remembered import Remembered


def test_what_is_forgotten_while_it_is_asked_for_is_asked_again() -> None:
    """Else the answer of a model that was just replaced would be kept for good."""
    asked: list[int] = []

    async def ask() -> int:
        asked.append(len(asked))
        if len(asked) == 1:
            kept.forget()
        await asyncio.sleep(0)
        return asked[-1]

    kept = Remembered(ask)

    async def run() -> None:
        assert await kept.get() == 1
        assert await kept.get() == 1

    asyncio.run(run())
    assert asked == [0, 1]
