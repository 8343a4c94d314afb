"""What the models say of themselves: asked once, and again when one of them was replaced."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """An answer that is kept until it is to be forgotten, which any thread may say."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        """Take who is asked."""
        self._ask = ask
        self._answers: list[T] = []

    def forget(self) -> None:
        """Ask again; also whoever waits for an answer now, as that may be of what was replaced."""
        self._answers = []

    async def get(self) -> T:
        """Return the answer."""
        while True:
            answers = self._answers
            if not answers:
                answers.append(await self._ask())
            if answers is self._answers:
                return answers[0]
