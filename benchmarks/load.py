"""A load of HTTP clients in one process: keep-alive connections, each sends its next request when it has its answer."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MIN_ANSWERS = 3


@dataclass(frozen=True)
class Request:
    """A prepared request.

    Attributes:
        data: all of it, head and body, as it goes over the wire.
        lines: text lines that it asks for.
    """

    data: bytes
    lines: int


@dataclass(frozen=True)
class Outcome:
    """What a load saw.

    Attributes:
        lines_per_s: over all clients, from the last answer before those that count to the last one.
        p50_ms: median time from request to answer.
        p99_ms: 99th percentile of it.
        requests: answers that count.
        failed: answers that were not 200.
    """

    lines_per_s: float
    p50_ms: float
    p99_ms: float
    requests: int
    failed: int


def request(host: str, port: int, path: str, body: bytes, kind: str, lines: int) -> Request:
    """Prepare a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return Request(head.encode() + body, lines)


def drive(host: str, port: int, requests: Sequence[Request], clients: int, seconds: float) -> Outcome:
    """Send the requests round and round from so many clients at once, for so many seconds after a warm-up."""
    return asyncio.run(_drive(host, port, requests, clients, seconds))


async def _drive(host: str, port: int, requests: Sequence[Request], clients: int, seconds: float) -> Outcome:
    start = time.perf_counter()
    begin = start + min(3.0, seconds / 3)
    end = begin + seconds
    seen: list[tuple[float, float, int, bool]] = []
    await asyncio.gather(*(_client(host, port, requests, i, end, seen) for i in range(clients)))
    seen.sort(key=lambda entry: entry[1])
    counted = [entry for entry in seen if begin <= entry[1] <= end]
    since = max((entry[1] for entry in seen if entry[1] < begin), default=start)
    if len(counted) < MIN_ANSWERS:
        raise RuntimeError(f"{len(counted)} answers in {seconds:g} s tell no rate: give it more --seconds")
    took = np.array([1000 * (done - sent) for sent, done, _, _ in counted])
    return Outcome(
        lines_per_s=sum(lines for _, _, lines, good in counted if good) / (counted[-1][1] - since),
        p50_ms=float(np.median(took)),
        p99_ms=float(np.percentile(took, 99)),
        requests=len(counted),
        failed=sum(not good for _, _, _, good in counted),
    )


async def _client(
    host: str,
    port: int,
    requests: Sequence[Request],
    first: int,
    end: float,
    seen: list[tuple[float, float, int, bool]],
) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=2**24)
    turn = first * 7919  # clients are at different places of the list
    while time.perf_counter() < end:
        request, turn = requests[turn % len(requests)], turn + 1
        sent = time.perf_counter()
        writer.write(request.data)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            # A proxy may close a connection that was idle: every HTTP client then opens another one.
            reader, writer = await asyncio.open_connection(host, port, limit=2**24)
            continue
        await reader.readexactly(_length(head))
        seen.append((sent, time.perf_counter(), request.lines, head.startswith(b"HTTP/1.1 200")))
    writer.close()


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[at : lower.index(b"\r\n", at)])
