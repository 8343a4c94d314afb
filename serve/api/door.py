"""The middleware around the whole application, and the API keys.

Every request passes it: key, size of the body, length of the queue, metrics. Every error becomes PaddleX's error body.
"""

import hashlib
import hmac
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from json import dumps
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.errors import BusyError, RequestError, TooLargeError, UnauthorisedError
from serve.metrics import Metrics
from serve.settings import Settings
from train.errors import OcrError

log = logging.getLogger("ray.serve")

Handler = Callable[[Request], Awaitable[Response]]
OPEN = ("/health", "/ready", "/", "/docs", "/openapi.json")
OPEN_FOLDERS = ("/web/", "/static-offline-docs/")
"""Paths that need no key: a load balancer asks for the first two; the pages ask their reader for the key."""
MEASURED = ("/ocr", "/recognize", "/corrections", "/api/retrain", "/v1/models")
UNLIMITED = ("/health", "/ready", "/metrics")
"""Paths that are answered however long the queue is."""


class Door:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: Metrics, direct: Mapping[tuple[str, str], Handler]
    ) -> None:
        """Take the application, and handlers of the busiest (method, path)s, which are called without its routing."""
        self._app, self._settings, self._metrics, self._direct = app, settings, metrics, direct
        self._in_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; anything but HTTP goes straight on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        started = time.monotonic()
        self._in_work += 1
        self._metrics.in_work.set(self._in_work)
        try:
            body = self._admitted(scope, receive)
            handler = self._direct.get((scope["method"], scope["path"]))
            if handler:
                response = await handler(Request(scope, body))
                await response(scope, body, answer)
            else:
                await self._app(scope, body, answer)
        except OcrError as error:
            await answer.refuse(error)
        except HTTPException as error:
            await answer.send_error(error.status_code, str(error.detail), {})
        except Exception:
            log.exception("a request failed")
            await answer.fail()
        finally:
            self._in_work -= 1
            self._metrics.in_work.set(self._in_work)
            self._metrics.count_request(_find_label(scope["path"]), answer.status, time.monotonic() - started)

    def _admitted(self, scope: Scope, receive: Receive) -> Receive:
        """Check the queue, the key and the declared size; return a receiver that counts the body's bytes."""
        path, headers, limits = scope["path"], Headers(scope=scope), self._settings.limits
        if self._in_work > limits.queued and path not in UNLIMITED:
            raise BusyError("the queue must not be longer than its limit", limits.queued, "try again later")
        if path not in OPEN and not path.startswith(OPEN_FOLDERS):
            check_key(headers.get("authorization"), headers.get("x-api-key"), self._settings.api_keys)
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > limits.body_bytes:
            raise _too_large(int(declared), limits.body_bytes)
        return _limit_body(receive, limits.body_bytes)


def _limit_body(receive: Receive, limit: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(received, limit)
        return message

    return counted


def _too_large(size: int, limit: int) -> TooLargeError:
    return TooLargeError(f"a request's body must be at most {limit} bytes", size, "send less at a time")


def _find_label(path: str) -> str:
    """Return the beginning of a path that we serve, else `other`: clients could make up labels without end."""
    return next((begin for begin in MEASURED if path == begin or path.startswith(f"{begin}/")), "other")


class _Answer:
    """Sends an answer on and remembers its status: 499 until one was sent."""

    def __init__(self, send: Send) -> None:
        self._send, self.status, self._begun = send, 499, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self._begun = message["status"], True
        await self._send(message)

    async def refuse(self, error: OcrError) -> None:
        """Answer with an error of ours: rule, value and remedy."""
        status, headers = find_status(error)
        await self.send_error(status, str(error), headers)

    async def fail(self) -> None:
        """Answer that it is the server's fault, and nothing else."""
        await self.send_error(500, "Internal server error", {})

    async def send_error(self, status: int, text: str, headers: Mapping[str, str]) -> None:
        """Answer with an error, if nothing was sent yet."""
        if self._begun:
            return  # too late for another status: the connection ends without the rest
        body = dumps(make_error_body(status, text)).encode()
        fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
        await self({"type": "http.response.start", "status": status, "headers": encoded})
        await self({"type": "http.response.body", "body": body})


def find_status(error: OcrError) -> tuple[int, dict[str, str]]:
    """Return the HTTP status of an error, and the headers that go with it."""
    status = error.http_status if isinstance(error, RequestError) else 500
    return status, {"retry-after": str(error.retry_after_s)} if isinstance(error, BusyError) else {}


def make_error_body(status: int, text: str) -> dict[str, Any]:
    """Return PaddleX's error fields."""
    return {"logId": make_log_id(), "errorCode": status, "errorMsg": text}


def make_log_id() -> str:
    """Return a new logId, for a request that came without one."""
    return str(uuid.uuid4())


def check_key(authorization: str | None, api_key: str | None, keys: Sequence[str]) -> None:
    """Let a request pass that carries one of the keys; without keys, let every request pass.

    All keys are compared, as digests of one length and in constant time: the time it takes tells nothing about them.

    Args:
        authorization: the header `Authorization`, `Bearer KEY`; None without it.
        api_key: the header `X-API-Key`, `KEY`; None without it.
        keys: the server's.

    Raises:
        UnauthorisedError: none of them, or no key at all.
    """
    if not keys:
        return
    given = [_hash_key(key) for key in (_read_bearer(authorization), api_key) if key]
    valid = [_hash_key(key.encode().decode("latin-1")) for key in keys if key]
    equal = [hmac.compare_digest(mine, theirs) for mine in valid for theirs in given]
    if not any(equal):
        raise UnauthorisedError(
            "the header must be `Authorization: Bearer KEY` or `X-API-Key: KEY`",
            "an unknown key" if given else "no key",
            "ask the one who runs this server for a key",
        )


def _read_bearer(header: str | None) -> str | None:
    """Return the token of an `Authorization` header; None if it is of another scheme."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _hash_key(key: str) -> bytes:
    """Hash a key as it stands in a header: servers decode headers as Latin-1."""
    return hashlib.sha256(key.encode("latin-1", "backslashreplace")).digest()
