"""The door: what every request passes before a route sees it."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from selectors import SelectorKey, SelectSelector
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from serve.api.door import MOST_SAID, Door
from serve.api.ingress import add_error_handlers
from serve.errors import UnknownError
from serve.metrics import Metrics
from serve.settings import Limits, Settings

Handler = Callable[[Request], Awaitable[Response]]


class Skipping(SelectSelector):
    """Waits for nothing: the time for which it was to wait is skipped."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        found = super().select(timeout and 0)
        self.skipped += 0 if found else timeout or 0
        return found


def run_in_no_time(work: Coroutine[Any, Any, None]) -> None:
    """Run what waits for clients and deadlines: no time passes but what is slept, however busy the machine is."""

    def skipping() -> asyncio.AbstractEventLoop:
        selector = Skipping()
        loop = asyncio.SelectorEventLoop(selector)
        loop.time = lambda: selector.skipped  # type: ignore[method-assign]
        return loop

    with asyncio.Runner(loop_factory=skipping) as runner:
        runner.run(work)


async def application(scope: object, receive: object, send: object) -> None:
    await PlainTextResponse("application")(scope, receive, send)  # type: ignore[arg-type]


def door(handler: Handler, metrics: Metrics | None = None, **limits: float) -> httpx.AsyncClient:
    settings = Settings(limits=Limits(**limits), api_keys=("sesame",))
    return client_of(Door(application, settings, metrics or Metrics(), {("POST", "/hot"): handler}))


def client_of(app: Door) -> httpx.AsyncClient:
    key = {"X-API-Key": "sesame"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", headers=key)


async def echo(request: Request) -> Response:
    return Response(await request.body())


def test_a_hot_path_goes_past_the_application() -> None:
    async def run() -> None:
        async with door(echo) as client:
            assert (await client.post("/hot", content=b"body")).content == b"body"
            assert (await client.get("/hot")).text == "application"
            assert (await client.get("/other")).text == "application"

    asyncio.run(run())


def test_the_body_is_counted_as_it_comes() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"12345"

    async def run() -> None:
        async with door(echo, body_bytes=49) as client:
            for content in (pieces(), b"1" * 50):
                answer = await client.post("/hot", content=content)
                assert (answer.status_code, answer.json()["errorCode"]) == (413, 413)
            assert (await client.post("/hot", content=b"1" * 49)).status_code == 200

    asyncio.run(run())


def test_a_full_queue_answers_at_once_and_says_when_to_come_back() -> None:
    free, inside = asyncio.Event(), list[Request]()

    async def wait(request: Request) -> Response:
        inside.append(request)
        await free.wait()
        return Response(b"done")

    async def run() -> None:
        async with door(wait, queued=2) as client:
            waiting = [asyncio.create_task(client.post("/hot")) for _ in range(2)]
            while len(inside) < 2:
                await asyncio.sleep(0)
            refused = await client.post("/hot")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            assert (await client.get("/health")).status_code == 200, (
                "whoever watches it must know that it lives"
            )
            free.set()
            assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
            assert (await client.post("/hot")).status_code == 200

    asyncio.run(asyncio.wait_for(run(), 60))


def test_errors_and_faults_have_the_protocols_body_and_are_counted() -> None:
    async def unknown(_: Request) -> Response:
        raise UnknownError("it must exist", "nothing" * 2**17, "name another")

    async def broken(_: Request) -> Response:
        raise ZeroDivisionError("a secret")

    async def run() -> None:
        metrics = Metrics()
        for handler, status in ((unknown, 404), (broken, 500)):
            async with door(handler, metrics) as client:
                body = (await client.post("/hot")).json()
                assert body.keys() == {"logId", "errorCode", "errorMsg"}
                assert body["errorCode"] == status
                assert "secret" not in body["errorMsg"]
                assert len(body["errorMsg"]) <= MOST_SAID, "what was sent does not come back whole"
        text = metrics.render().decode()
        assert 'ocrtune_misuse_total{status="404"} 1.0' in text
        assert 'ocrtune_requests_total{path="other",status="500"} 1.0' in text

    asyncio.run(run())


def test_a_body_counts_when_it_is_there_and_has_a_deadline() -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async def run() -> None:
        async with door(echo, queued=1, body_s=1.0) as client:
            idle = [asyncio.create_task(client.post("/hot", content=never())) for _ in range(5)]
            await asyncio.sleep(0.05)
            assert (await client.post("/hot", content=b"1")).status_code == 200
            for answer in await asyncio.gather(*idle):
                assert (answer.status_code, answer.json()["errorCode"]) == (408, 408)

    run_in_no_time(run())


def test_a_body_that_comes_fast_enough_is_waited_for() -> None:
    async def steady() -> AsyncIterator[bytes]:
        for _ in range(12):
            await asyncio.sleep(0.1)
            yield b"x" * 100

    async def run() -> None:
        async with door(echo, body_s=1.0, body_bytes_per_s=500) as client:
            assert len((await client.post("/hot", content=steady())).content) == 1200

    run_in_no_time(run())


async def wait(_: Request) -> Response:
    await asyncio.sleep(60)
    return Response(b"late")


def test_a_request_has_a_deadline() -> None:
    async def run() -> None:
        async with door(wait, seconds=0.1) as client:
            answer = await client.post("/hot")
            assert (answer.status_code, "in its time" in answer.json()["errorMsg"]) == (503, True)

    asyncio.run(run())


def test_at_the_end_new_requests_are_refused_and_the_last_ones_answered() -> None:
    inside: list[Request] = []

    async def enter(request: Request) -> Response:
        inside.append(request)
        return await wait(request)

    app = Door(application, Settings(api_keys=("sesame",)), Metrics(), {("POST", "/hot"): enter})

    async def run() -> None:
        async with client_of(app) as client:
            last = asyncio.create_task(client.post("/hot"))
            while not inside:
                await asyncio.sleep(0)
            assert app.drain(at_once=False) == 1
            assert (await client.post("/hot")).status_code == 503
            assert app.drain(at_once=True) == 1
            answer = await last
            assert (answer.status_code, "before the server ends" in answer.json()["errorMsg"]) == (503, True)
            assert app.drain(at_once=True) == 0

    asyncio.run(asyncio.wait_for(run(), 60))


def test_the_end_is_not_held_up_by_a_request_that_has_failed() -> None:
    """Its client does not take the error, and its deadline cannot be changed any more."""

    async def refuse(_: Request) -> Response:
        raise UnknownError("a correction must exist", "none", "list them")

    app = Door(application, Settings(), Metrics(), {("GET", "/hot"): refuse})
    scope = {
        "type": "http", "method": "GET", "path": "/hot", "headers": [], "query_string": b"", "client": ("a", 1),
    }  # fmt: skip

    async def run() -> None:
        told = asyncio.Event()

        async def send(_: object) -> None:
            told.set()
            await asyncio.Event().wait()

        failed = asyncio.create_task(app(scope, lambda: asyncio.sleep(60), send))  # type: ignore[arg-type,return-value]
        await told.wait()
        assert app.drain(at_once=True) == 1
        failed.cancel()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_answers_that_nobody_takes_are_bounded_in_bytes_and_time() -> None:
    """A client that does not read its answer holds it in the server's memory."""
    size = 3 * 2**20

    async def large(_: Request) -> Response:
        return Response(b"x" * size)

    limits = Limits(decoded_bytes=4 * size, body_s=3.0, body_bytes_per_s=2**40)
    routed = FastAPI()
    add_error_handlers(routed)
    routed.add_api_route("/routed", large)
    app = Door(routed, Settings(limits=limits), Metrics(), {("GET", "/hot"): large})
    scope = {
        "type": "http", "method": "GET", "path": "/hot", "headers": [], "query_string": b"", "client": ("a", 1),
    }  # fmt: skip

    stuck: list[str] = []

    async def ask(reads: bool, path: str = "/hot") -> tuple[int, int]:
        """Return the status and the bytes that came."""
        seen: list[Any] = []

        async def send(message: Any) -> None:
            seen.append(message)
            if len(seen) > 2 and not reads:
                stuck.append(path)
                await asyncio.sleep(60)

        await app(scope | {"path": path}, lambda: asyncio.sleep(60), send)  # type: ignore[arg-type,return-value]
        return seen[0]["status"], sum(len(message.get("body", b"")) for message in seen)

    async def run() -> None:
        idle = [asyncio.create_task(ask(reads=False)) for _ in range(2)]
        while len(stuck) < 2:
            await asyncio.sleep(0)
        for path in ("/hot", "/routed"):
            assert (await ask(reads=True, path=path))[0] == 503, "two of them fill what answers may take"
        assert {status for status, count in await asyncio.gather(*idle) if count < size} == {200}
        assert await ask(reads=True) == (200, size), "their time is over"

    run_in_no_time(run())


def test_a_compressed_body_is_refused() -> None:
    async def run() -> None:
        async with door(echo) as client:
            for coding, status in (("gzip", 415), ("identity", 200)):
                answer = await client.post("/hot", content=b"{}", headers={"Content-Encoding": coding})
                assert answer.status_code == status

    asyncio.run(run())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.ENOTDIR])
def test_a_storage_that_cannot_be_used_is_told(number: int) -> None:
    async def full(_: Request) -> Response:
        raise OSError(number, os.strerror(number), "/home/a/store/x.json")

    async def run() -> None:
        async with door(full) as client:
            answer = await client.post("/hot")
            assert (answer.status_code, answer.json()["errorCode"]) == (507, 507)
            assert f"got {os.strerror(number)};" in answer.json()["errorMsg"], "where it lies is not told"

    asyncio.run(run())
