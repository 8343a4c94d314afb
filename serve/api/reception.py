"""Bodies of requests on their way in: bounded in bytes, one by one and together, and in time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope

from serve.errors import BusyError, SlowError, TooLargeError, UnsupportedError
from serve.settings import Limits


class Bodies:
    """The bodies that an ingress replica holds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._most = max(limits.body_bytes, limits.bytes_here)
        self._held = 0

    @asynccontextmanager
    async def receive(self, scope: Scope, receive: Receive) -> AsyncIterator[Receive]:
        """Wait for a request's body; give a receiver that has it all.

        Raises:
            UnsupportedError: it is compressed.
            TooLargeError: it is longer than it may be.
            SlowError: it does not come in its time.
            BusyError: the server holds too many bodies.
        """
        headers = Headers(scope=scope)
        _require_plain(headers)
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self._limits.body_bytes:
            raise _too_large(int(declared), self._limits.body_bytes)
        if declared == "0" and "transfer-encoding" not in headers:
            yield receive
            return
        body = await self._collect(receive)
        try:
            yield _replay(body, receive)
        finally:
            self._held -= len(body)

    async def _collect(self, receive: Receive) -> bytes:
        """Return a body, which is counted among those that are held from its first byte on."""
        body = bytearray()  # of pieces as small as they come, a list would take far more
        try:
            await self._fill(body, receive)
        except BaseException:
            self._held -= len(body)
            raise
        return bytes(body)

    async def _fill(self, body: bytearray, receive: Receive) -> None:
        limits, more = self._limits, True
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(limits.body_s) as deadline:
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    body += chunk
                    self._held += len(chunk)
                    if len(body) > limits.body_bytes:
                        raise _too_large(len(body), limits.body_bytes)
                    if self._held > self._most:
                        raise BusyError(
                            "the bodies of all requests must fit", f"{self._held} bytes", "try again"
                        )
                    if more:
                        deadline.reschedule(started + limits.body_s + len(body) / limits.body_bytes_per_s)
        except TimeoutError as error:
            raise SlowError(
                f"a body must arrive in {limits.body_s:g} s, or at {limits.body_bytes_per_s} bytes a second",
                f"{len(body)} bytes",
                "send it faster",
            ) from error


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receiver that gives the body at once, and then what else comes."""
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _require_plain(headers: Headers) -> None:
    """Refuse a compressed body: a small one could grow a thousandfold."""
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise UnsupportedError(
            "a body must be sent as it is", f"Content-Encoding: {coding:.40}", "leave it uncompressed"
        )


def _too_large(size: int, limit: int) -> TooLargeError:
    return TooLargeError(f"a request's body must be at most {limit} bytes", size, "send less at a time")
