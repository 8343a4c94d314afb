"""The middleware around the whole application, and the API keys.

Every request passes it: key, size of the body, length of the queue, metrics. Every error becomes PaddleX's error body.
"""

import asyncio
import errno
import hashlib
import hmac
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from json import dumps
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.api.browsers import check_host, check_origin
from serve.api.departure import Answers
from serve.api.reception import Bodies
from serve.errors import BusyError, NoRoomError, RequestError, UnauthorisedError
from serve.intake.turns import CALLER, Caller
from serve.metrics import Metrics
from serve.settings import Settings
from train.errors import OcrError, explain_refusal, name_refused

log = logging.getLogger("ray.serve")

Handler = Callable[[Request], Awaitable[Response]]
OPEN = ("/health", "/ready", "/", "/docs", "/openapi.json")
OPEN_FOLDERS = ("/web/", "/static-offline-docs/")
"""Paths that need no key: a load balancer asks for the first two; the pages ask their reader for the key."""
MEASURED = ("/ocr", "/recognize", "/corrections", "/api/retrain", "/v1/models")
WATCHED = ("/health", "/ready")
"""Paths that answer under any name: whoever watches a server asks for its address."""
UNLIMITED = (*WATCHED, "/metrics")
"""Paths that are answered however long the queue is."""
LOG_ID = "ocrtune.log_id"
"""Where a request's scope holds the logId that came with it."""
MOST_SAID = 4000
"""Characters of an error: what was sent may stand in it."""
SCHEMES = ("bearer", "token")
UNUSABLE = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST})
"""What a storage that was changed from outside ends a request with."""


class Door:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: Metrics, direct: Mapping[tuple[str, str], Handler]
    ) -> None:
        """Take the application, and handlers of the busiest (method, path)s, which are called without its routing."""
        self._app, self._settings, self._metrics, self._direct = app, settings, metrics, direct
        self._bodies, self._answers = Bodies(settings.limits), Answers(settings.limits)
        self._in_work = self._number = 0
        self._deadlines: set[asyncio.Timeout] = set()
        self._ending = False

    def drain(self, at_once: bool) -> int:
        """Answer new requests 503 from now on, and `at_once` those under way; return how many these are."""
        self._ending = True
        for deadline in self._deadlines if at_once else ():
            with suppress(RuntimeError):  # its request has failed, and is being told so
                deadline.reschedule(asyncio.get_running_loop().time())
        return len(self._deadlines)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; anything but HTTP goes straight on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._answers)
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._settings.limits.seconds) as deadline:
                await self._handle(scope, receive, answer, deadline)
        except ClientDisconnect:
            pass  # nobody waits for an answer
        except Exception as error:
            await answer.fail(self._explain(error, deadline), find_log_id(scope))
        finally:
            self._deadlines.discard(deadline)
            self._metrics.count_request(_find_label(scope["path"]), answer.status, time.monotonic() - started)

    def _explain(self, error: Exception, deadline: asyncio.Timeout) -> Exception:
        """Return the error that a request is answered with, for one that was raised."""
        cause = error.__cause__
        if isinstance(error, RuntimeError) and isinstance(cause, RequestError):
            return cause  # to Starlette, a route's answer that finds no room had been sent
        if not deadline.expired():
            return error
        if self._ending:
            return BusyError("a request must be answered before the server ends", "no time", "send it again")
        rule = "a request must be answered in its time"
        return BusyError(rule, f"more than {self._settings.limits.seconds:g} s", "send less at a time")

    async def _handle(
        self, scope: Scope, receive: Receive, answer: "_Answer", deadline: asyncio.Timeout
    ) -> None:
        """Let a request in, wait for its body, and only then count it and let it be answered."""
        self._check(scope, Headers(scope=scope))
        async with self._bodies.receive(scope, receive) as body:
            self._admit(scope["path"])
            self._deadlines.add(deadline)
            self._count(1)
            try:
                await self._answer(scope, body, answer)
            finally:
                self._count(-1)

    def _admit(self, path: str) -> None:
        """Raise BusyError if there is no place for one more request."""
        limit = self._settings.limits.queued_here
        if self._ending and path not in UNLIMITED:
            raise BusyError("the server must go on to run", "its end", "try again later")
        if self._in_work >= limit and path not in UNLIMITED:
            raise BusyError("the queue must not be longer than its limit", limit, "try again later")

    async def _answer(self, scope: Scope, body: Receive, answer: "_Answer") -> None:
        handler = self._direct.get((scope["method"], scope["path"]))
        if handler:
            response = await handler(Request(scope, body))
            await response(scope, body, answer)
        else:
            await self._app(scope, body, answer)

    def _count(self, change: int) -> None:
        self._in_work += change
        self._metrics.in_work.set(self._in_work)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Check the key, or without keys where the request comes from; note on whose behalf work is done."""
        path, keys = scope["path"], self._settings.api_keys
        key = ""
        if not keys and path not in WATCHED:
            check_host(headers, self._settings.hosts)
            check_origin(scope["method"], headers, self._settings.hosts)
        elif path not in OPEN and not path.startswith(OPEN_FOLDERS):
            key = check_key(headers.get("authorization"), headers.get("x-api-key"), keys)
        self._number += 1
        CALLER.set(Caller(key or _find_client(scope, headers), self._number))


def _find_client(scope: Scope, headers: Headers) -> str:
    """Return the address of who asks: what HAProxy adds to `X-Forwarded-For`, the last of its addresses."""
    forwarded = headers.getlist("x-forwarded-for")
    if forwarded:
        return forwarded[-1].rpartition(",")[2].strip()
    return str((scope.get("client") or ("",))[0])


def _find_label(path: str) -> str:
    """Return the beginning of a path that we serve, else `other`: clients could make up labels without end."""
    return next((begin for begin in MEASURED if path == begin or path.startswith(f"{begin}/")), "other")


class _Answer:
    """Sends an answer on and remembers its status: 499 until one was sent."""

    def __init__(self, send: Send, answers: Answers) -> None:
        self._send, self._answers, self.status = send, answers, 499
        self._head: Message | None = None
        self._begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._head = (
                message  # kept until there is room for what follows: another status may still be sent
            )
            return
        if self._head:
            self._answers.require_room(len(message.get("body", b"")))
            self.status, self._begun = self._head["status"], True
            await self._send(self._head)
            self._head = None
        await self._answers.send(message, self._send)

    async def fail(self, error: Exception, log_id: str) -> None:
        """Answer with any error, if nothing was sent yet: it is too late for another status then."""
        if self._begun:
            return
        self._head = None
        status, text, headers = describe_error(error, log_id)
        body = dumps(make_error_body(status, text, log_id)).encode()
        fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
        encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
        await self({"type": "http.response.start", "status": status, "headers": encoded})
        await self({"type": "http.response.body", "body": body})


def describe_error(error: Exception, log_id: str) -> tuple[int, str, dict[str, str]]:
    """Return the HTTP status of any error, the text for the client, and the headers that go with it."""
    if isinstance(error, HTTPException):
        return error.status_code, str(error.detail), dict(error.headers or {})
    if isinstance(error, OSError) and (told := _explain_storage(error)):
        log.error("request %r failed: %s", log_id, name_refused(error))  # the files' names stay here
        error = told
    if not isinstance(error, OcrError):
        log.error("request %r failed", log_id, exc_info=error)
        return 500, "Internal server error", {}
    status = error.http_status if isinstance(error, RequestError) else 500
    return (
        status,
        str(error)[:MOST_SAID],
        {"retry-after": str(error.retry_after_s)} if isinstance(error, BusyError) else {},
    )


def _explain_storage(error: OSError) -> NoRoomError | None:
    """Return what to say of a disk that is full, or of a storage that was changed from outside; None for the rest."""
    said = error.strerror or "no reason"
    if refusal := explain_refusal(error):
        return NoRoomError(f"of the server's storage, {refusal.rule}", said, refusal.remedy)
    if error.errno not in UNUSABLE:
        return None
    return NoRoomError("the server's storage must hold what it wrote", said, "mend it")


def make_error_body(status: int, text: str, log_id: str | None = None) -> dict[str, Any]:
    """Return PaddleX's error fields."""
    return {"logId": log_id or make_log_id(), "errorCode": status, "errorMsg": text}


def find_log_id(scope: Scope) -> str:
    """Return the logId that came with a request, as far as it was read, else a new one."""
    return str(scope.get(LOG_ID) or make_log_id())


def make_log_id() -> str:
    """Return a new logId, for a request that came without one."""
    return str(uuid.uuid4())


def check_key(authorization: str | None, api_key: str | None, keys: Sequence[str]) -> str:
    """Return the key that a request carries, however it is written; without keys nothing, and let every request pass.

    All keys are compared, as digests of one length and in constant time: the time it takes tells nothing about them.

    Args:
        authorization: the header `Authorization`, `Bearer KEY` or `token KEY`; None without it.
        api_key: the header `X-API-Key`, `KEY`; None without it.
        keys: the server's.

    Raises:
        UnauthorisedError: none of them, or no key at all.
    """
    if not keys:
        return ""
    sent = [_hash_key(key) for key in (_read_token(authorization), api_key) if key]
    valid = {key: _hash_key(key.encode().decode("latin-1")) for key in keys if key}
    carried = [key for key, mine in valid.items() for theirs in sent if hmac.compare_digest(mine, theirs)]
    if not carried:
        raise UnauthorisedError(
            "the header must be `Authorization: Bearer KEY`, `Authorization: token KEY` or `X-API-Key: KEY`",
            "an unknown key" if sent else "no key",
            "ask the one who runs this server for a key",
        )
    return carried[0]


def _read_token(header: str | None) -> str | None:
    """Return the token of an `Authorization` header; None if it is of another scheme."""
    scheme, _, token = (header or "").partition(" ")
    return token.strip() if scheme.lower() in SCHEMES else None


def _hash_key(key: str) -> bytes:
    """Hash a key as it stands in a header: servers decode headers as Latin-1."""
    return hashlib.sha256(key.encode("latin-1", "backslashreplace")).digest()
