"""Files by URL: from the hosts that the settings name, over public addresses only."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from serve.errors import ForbiddenError, TooLargeError, UndecodableError
from serve.settings import Limits

if TYPE_CHECKING:
    import aiohttp
    import yarl

TIMEOUT_S = 20.0  # of a whole fetch, names and redirects included
CONNECT_S = 5.0
MAX_REDIRECTS = 3
MOST_CHARACTERS = 8192
"""Of a URL; the library that takes them apart remembers the latest."""
_CHUNK_BYTES = 2**16
UNTOLD_BYTES = 2**18
"""Of a file that comes without its length: room for so many, and only beyond for the largest."""
MakeRoom = Callable[[int], Awaitable[None]]
"""Waits until there is room for so many bytes of a file; when called again, for so many instead."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Say whether an IP address is of the public internet.

    An IPv4 address that is written as IPv6 (mapped, NAT64) is what it holds; old tunnels (6to4, Teredo), which
    hold one too, are refused.
    """
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64 or ip.ipv4_mapped:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip.sixtofour or ip.teredo or ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


def check_url(url: str, hosts: Sequence[str]) -> "yarl.URL":
    """Parse a URL once, for the check and for the request, and refuse it unless its host is listed.

    Args:
        url: http or https, without user or password.
        hosts: `name` for the scheme's own port, or `name:port`; compared without case, as ASCII (`xn--...`).

    Raises:
        ForbiddenError: no hosts are allowed, or others.
        UndecodableError: it is no such URL.
    """
    import yarl

    if not hosts:
        raise ForbiddenError("files are fetched only where hosts are allowed", "a URL", "send base64")
    if len(url) > MOST_CHARACTERS:
        raise _no_url(f"one of {len(url)} characters")
    try:
        if any(ord(character) <= 0x20 or character == "\x7f" for character in url):
            raise _no_url("one with blanks or control characters")  # they would end a request's line
        parsed = yarl.URL(url, encoded=True)
        host, port = (parsed.raw_host or "").rstrip(".").lower(), parsed.port
    except ValueError as error:
        raise _no_url("one that cannot be parsed") from error
    if parsed.scheme not in ("http", "https") or not host:
        raise _no_url(f"scheme {parsed.scheme!r:.20}")
    if parsed.user is not None or parsed.password is not None:
        raise _no_url("one with a user or password")
    name = f"[{host}]" if ":" in host else host
    entry = name if parsed.is_default_port() else f"{name}:{port}"
    if entry not in {allowed.rstrip(".").lower() for allowed in hosts}:
        raise ForbiddenError("a file's host must be one that is allowed", f"{entry:.100}", "send base64")
    return parsed


def _no_url(value: str) -> UndecodableError:
    return UndecodableError("a file's URL must be http(s)://HOST/PATH", value, "correct it or send base64")


async def fetch(
    url: str,
    hosts: Sequence[str],
    limits: Limits,
    make_room: MakeRoom,
    *,
    allowed: Callable[[str], bool] = is_public,
    timeout_s: float = TIMEOUT_S,
) -> bytes:
    """Fetch a file.

    The name is resolved once, all its addresses are checked, and the connection goes to one of these: a name
    that resolves differently the second time gains nothing. Redirects are checked as the URL itself.

    Args:
        url: http or https.
        hosts: see `check_url`.
        limits: `body_bytes` bounds what is read.
        make_room: called when the host has answered, so that a slow one keeps no room from others.
        allowed: which addresses may be connected to; tests let the loopback pass.
        timeout_s: of everything but the wait for room.

    Raises:
        ForbiddenError: the host or one of its addresses is not allowed.
        TooLargeError: it is larger than a body may be.
        UndecodableError: it cannot be had: no such name, no answer in time, or one other than 200.
    """
    import aiohttp

    try:
        async with asyncio.timeout(timeout_s) as clock:
            return await _follow(url, hosts, limits.body_bytes, allowed, stop_clock(clock, make_room))
    except TimeoutError as error:
        raise _unanswered(f"none in {timeout_s:g} s") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _unanswered(type(error).__name__) from error


def stop_clock(clock: asyncio.Timeout, make_room: MakeRoom) -> MakeRoom:
    """Return `make_room` with a clock that stands while it waits: that is no fault of the host."""

    async def wait(size: int) -> None:
        now, ends = asyncio.get_running_loop().time, clock.when()
        assert ends is not None
        left = ends - now()
        clock.reschedule(None)
        await make_room(size)
        clock.reschedule(now() + left)

    return wait


def _unanswered(value: str) -> UndecodableError:
    return UndecodableError("a file's URL must answer with the file", value, "check it or send base64")


async def _follow(
    url: str, hosts: Sequence[str], limit: int, allowed: Callable[[str], bool], make_room: MakeRoom
) -> bytes:
    """Fetch a URL and what it redirects to."""
    import yarl

    target = check_url(url, hosts)
    for _ in range(MAX_REDIRECTS + 1):
        answer = await _get(target, limit, await _resolve(target, allowed), make_room)
        if isinstance(answer, bytes):
            return answer
        target = check_url(str(target.join(yarl.URL(answer))), hosts)
    raise _unanswered(f"more than {MAX_REDIRECTS} redirects")


async def _resolve(url: "yarl.URL", allowed: Callable[[str], bool]) -> "list[aiohttp.abc.ResolveResult]":
    """Resolve the host; refuse it if any of its addresses may not be connected to."""
    host, port = url.raw_host or "", url.port or 0
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    results: list[aiohttp.abc.ResolveResult] = []
    for family, _, proto, _, address in found:
        if not allowed(str(address[0])):
            # the address itself stays unsaid: it would tell of the network behind the server
            raise ForbiddenError("a file's host must have public addresses only", host, "send base64")
        results.append(
            {
                "hostname": host,
                "host": str(address[0]),
                "port": port,
                "family": family,
                "proto": proto,
                "flags": socket.AI_NUMERICHOST,
            }
        )
    return results


async def _get(
    url: "yarl.URL", limit: int, addresses: "list[aiohttp.abc.ResolveResult]", make_room: MakeRoom
) -> bytes | str:
    """Ask the checked addresses for a URL; return its content, or the place it redirects to."""
    import aiohttp

    class Resolver(aiohttp.abc.AbstractResolver):
        async def resolve(
            self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
        ) -> list[aiohttp.abc.ResolveResult]:
            return addresses

        async def close(self) -> None:
            pass

    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=Resolver(), use_dns_cache=False),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a compressed answer could grow a thousandfold
            headers={"Accept-Encoding": "identity"},
        ) as session,
        session.get(url, allow_redirects=False) as response,
    ):
        if response.status in (301, 302, 303, 307, 308) and "Location" in response.headers:
            return response.headers["Location"]
        if response.status != 200:
            raise _unanswered(f"status {response.status}")
        return await _read(response, limit, make_room)


async def _read(response: "aiohttp.ClientResponse", limit: int, make_room: MakeRoom) -> bytes:
    """Read a body of at most `limit` bytes; stop at the first one beyond."""
    content, told = bytearray(), response.content_length
    if (told or 0) <= limit:
        room = min(UNTOLD_BYTES, limit) if told is None else told
        await make_room(room)
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            content += chunk
            if len(content) > limit:
                break
            if len(content) > room:
                room = limit
                await make_room(room)
        else:
            return bytes(content)
    raise TooLargeError(f"a file must have at most {limit} bytes", "more", "send a smaller one")
