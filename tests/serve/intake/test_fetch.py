"""Fetching: from allowed hosts over public addresses only; against real servers on the loopback."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from serve.errors import ForbiddenError, TooLargeError, UndecodableError
from serve.intake.fetch import UNTOLD_BYTES, fetch, stop_clock
from serve.settings import Limits

LIMITS = Limits(body_bytes=1000)
Handler = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(handle: Handler) -> AsyncIterator[int]:
    """Run an HTTP server that answers by hand; yield its port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(await reader.readuntil(b"\r\n\r\n"), writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    running = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        running.close()


def answering(head: str, body: bytes = b"") -> Handler:
    async def handle(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body)

    return handle


async def at_once(size: int) -> None:
    """There is room for everything."""


def get(handle: Handler, path: str = "/a.png", **options: Any) -> bytes:
    """Fetch `path` from such a server, the loopback being allowed."""

    async def run() -> bytes:
        async with server(handle) as port:
            host = f"127.0.0.1:{port}"
            given_options = {
                "allowed": lambda address: True,
                "limits": LIMITS,
                "make_room": at_once,
            } | options
            return await fetch(f"http://{host}{path}", [host], **given_options)

    return asyncio.run(run())


def test_a_file_is_fetched() -> None:
    requests: list[bytes] = []

    async def handle(request: bytes, writer: asyncio.StreamWriter) -> None:
        requests.append(request)
        await answering("200 OK\r\nContent-Length: 4", b"\x89PNG")(request, writer)

    assert get(handle, "/a%20b.png?x=%41&y=1") == b"\x89PNG"
    assert requests[0].startswith(b"GET /a%20b.png?x=%41&y=1 HTTP/1.1\r\n")  # as signed: not requoted


def test_a_body_without_length_ends_with_the_connection_or_its_chunks() -> None:
    assert get(answering("200 OK", b"x" * 1000)) == b"x" * 1000
    assert get(answering("200 OK\r\nTransfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n")) == b"abc"


def test_room_is_asked_for_when_it_is_told_how_much_comes() -> None:
    """A host that is silent keeps no room from others."""
    asked: list[int] = []

    async def make_room(size: int) -> None:
        asked.append(size)

    file, limits = b"x" * (UNTOLD_BYTES + 1), Limits()
    for head, body in (("200 OK\r\nContent-Length: 4", b"1234"), ("200 OK", b"1234"), ("200 OK", file)):
        assert get(answering(head, body), limits=limits, make_room=make_room) == body
    assert asked == [4, UNTOLD_BYTES, UNTOLD_BYTES, limits.body_bytes]
    with pytest.raises(UndecodableError):
        get(answering("404 Not Found"), make_room=make_room)
    assert len(asked) == 4


def test_the_wait_for_room_is_no_fault_of_the_host() -> None:
    async def run() -> None:
        async with asyncio.timeout(0.05) as clock:
            await stop_clock(clock, lambda size: asyncio.sleep(0.1))(1)
            waited.append(clock.expired())
            await asyncio.sleep(60)

    waited: list[bool] = []
    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert waited == [False]


def test_a_larger_body_is_refused_by_its_declared_length_alone() -> None:
    with pytest.raises(TooLargeError):
        get(answering("200 OK\r\nContent-Length: 1001", b""))


def test_an_endless_body_is_left_at_the_limit() -> None:
    sent = 0

    async def handle(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while sent < 2**28:
            writer.write(b"x" * 2**16)
            await writer.drain()
            sent += 2**16

    with pytest.raises(TooLargeError):
        get(handle)
    assert sent < 2**25  # what the sockets' buffers hold


def test_a_compressed_body_is_not_inflated() -> None:
    body = gzip.compress(bytes(10**6))
    head = f"200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}"
    assert get(answering(head, body), limits=Limits(body_bytes=len(body))) == body


def test_a_server_that_drips_is_left_in_time() -> None:
    async def handle(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    with pytest.raises(UndecodableError, match=r"none in 0\.5 s"):
        get(handle, timeout_s=0.5)


@pytest.mark.parametrize("head", ["404 Not Found", "500 Oops", "204 No Content", "304 Not Modified"])
def test_another_status_is_refused(head: str) -> None:
    with pytest.raises(UndecodableError, match=head[:3]):
        get(answering(head))


@pytest.mark.parametrize(
    "answer", [b"", b"\0\1\2\3\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]
)
def test_a_broken_answer_is_refused(answer: bytes) -> None:
    async def handle(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    with pytest.raises(UndecodableError):
        get(handle)


def test_a_closed_port_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(UndecodableError):
            asyncio.run(fetch(f"http://{host}/", [host], LIMITS, at_once, allowed=lambda address: True))


def redirecting(place: str, answers: list[bytes]) -> Handler:
    async def handle(request: bytes, writer: asyncio.StreamWriter) -> None:
        answers.append(request.split(b" ")[1])
        redirect = f"302 Found\r\nLocation: {place}"
        await answering("200 OK" if request.startswith(b"GET /there") else redirect, b"file")(request, writer)

    return handle


def test_a_redirect_to_the_same_host_is_followed() -> None:
    seen: list[bytes] = []
    assert get(redirecting("/there", seen)) == b"file"
    assert seen == [b"/a.png", b"/there"]


@pytest.mark.parametrize(
    "place",
    ["http://169.254.169.254/latest", "//example.org/x", "http://127.0.0.1:1/x", "https://127.0.0.1/"],
)
def test_a_redirect_to_another_host_or_port_is_not_followed(place: str) -> None:
    seen: list[bytes] = []
    with pytest.raises(ForbiddenError):
        get(redirecting(place, seen))
    assert len(seen) == 1


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://[::1", "http://u:p@127.0.0.1/"]
)
def test_a_redirect_to_no_http_url_is_not_followed(place: str) -> None:
    with pytest.raises(UndecodableError):
        get(redirecting(place, []))


def test_redirects_in_a_circle_end() -> None:
    seen: list[bytes] = []
    with pytest.raises(UndecodableError, match="redirects"):
        get(redirecting("/again", seen))
    assert len(seen) == 4


def test_the_loopback_is_refused_even_where_its_name_is_allowed() -> None:
    reached: list[bytes] = []

    async def run() -> None:
        async with server(redirecting("/", reached)) as port:
            await fetch(f"http://localhost:{port}/", [f"localhost:{port}"], LIMITS, at_once)

    with pytest.raises(ForbiddenError, match="public addresses"):
        asyncio.run(run())
    assert reached == []


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let names resolve to these addresses, one list after the other; return the names asked for."""
    asked: list[str] = []

    async def getaddrinfo(self: Any, host: str, port: int, **options: Any) -> list[Any]:
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requests: list[bytes] = []

    async def handle(request: bytes, writer: asyncio.StreamWriter) -> None:
        requests.append(request)
        await answering("200 OK", b"file")(request, writer)

    async def run() -> bytes:
        async with server(handle) as port:
            asked = resolving(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])  # the second answer is the attack
            url, hosts = f"http://files.example:{port}/x", [f"FILES.example:{port}"]
            content = await fetch(url, hosts, LIMITS, at_once, allowed=lambda address: address == "127.0.0.1")
            assert asked == ["files.example"]
            assert f"Host: files.example:{port}\r\n".encode() in requests[0]
            return content

    assert asyncio.run(run()) == b"file"


@pytest.mark.parametrize("addresses", [["10.1.2.3"], ["8.8.8.8", "127.0.0.1"], ["192.168.0.1"]])
def test_one_private_address_is_enough_to_refuse(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    resolving(monkeypatch, addresses)
    with pytest.raises(ForbiddenError) as caught:
        asyncio.run(fetch("http://files.example/x", ["files.example"], LIMITS, at_once))
    assert not any(address in str(caught.value) for address in addresses)


@pytest.mark.parametrize("name", ["no-such-host.invalid", "x" * 70 + ".example"])
def test_a_name_that_does_not_resolve_is_refused(name: str) -> None:
    with pytest.raises(UndecodableError):
        asyncio.run(fetch(f"http://{name}/x", [name], LIMITS, at_once))


def test_fetching_is_off_without_hosts() -> None:
    with pytest.raises(ForbiddenError, match="only where hosts are allowed"):
        asyncio.run(fetch("http://127.0.0.1/", [], LIMITS, at_once))
