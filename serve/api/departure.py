"""Answers on their way out: large ones are bounded in bytes together, and in the time that a client may take."""

import asyncio

from starlette.types import Message, Send

from serve.errors import BusyError
from serve.settings import Limits

LARGE_BYTES = 2**20
PIECE_BYTES = 2**18
"""Sent at a time: only between two pieces a server waits for a client that does not read."""


class Answers:
    """The large answers that an ingress replica holds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0

    def require_room(self, size: int) -> None:
        """Raise BusyError if an answer of this size does not fit beside those that are being sent."""
        if size > LARGE_BYTES and self._held and self._held + size > self._limits.answers_bytes:
            raise BusyError("the answers of all requests must fit", f"{self._held + size} bytes", "try again")

    async def send(self, message: Message, send: Send) -> None:
        """Send the body of an answer, a large one in pieces; raise TimeoutError if the client does not take it."""
        body = memoryview(message.get("body", b""))
        if len(body) <= LARGE_BYTES:
            await send(message)
            return
        self._held += len(body)
        limits = self._limits
        try:
            async with asyncio.timeout(limits.body_s + len(body) / limits.body_bytes_per_s):
                for start in range(0, len(body), PIECE_BYTES):
                    piece = bytes(body[start : start + PIECE_BYTES])
                    more = start + len(piece) < len(body) or message.get("more_body", False)
                    await send({"type": message["type"], "body": piece, "more_body": more})
        finally:
            self._held -= len(body)
