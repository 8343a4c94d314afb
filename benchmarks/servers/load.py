"""A load of HTTP clients in one process: keep-alive connections, each sends its next request when it has its answer."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

MOST_WARM_UP_S = 3.0


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
        lines_per_s: of all clients together.
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


@dataclass
class Load:
    """Which request is sent next, and which ones count: whole rounds of them, sent while all clients are at work.

    A client waits all the time, so the rate is the clients over the mean wait (Little's law). Answers in a span of
    time would count too little where few clients wait long: what is half done at its end is lost, and dear requests
    may come more often than cheap ones. So the rounds are whole, and clients go on until the last of them is answered.

    Attributes:
        clients: that send.
        round: how many different requests there are.
        seconds: that requests are sent for which count, at least.
        warm_up_s: before.
    """

    clients: int
    round: int
    seconds: float
    warm_up_s: float
    waits_s: dict[int, float] = field(default_factory=dict)
    _sent: list[float] = field(default_factory=list)
    _answered: set[int] = field(default_factory=set)
    _first: int | None = None
    _behind: int | None = None

    def send(self, now: float) -> int | None:
        """Return the number of the next request, from 0 on; None if there is nothing left to send at a time."""
        number = len(self._sent)
        if self._first is None:
            warm = number and now >= self._sent[0] + self.warm_up_s
            self._first = number if warm and len(self._answered) == self.clients else None
        elif self._behind is None and (number - self._first) % self.round == 0:
            self._behind = number if now >= self._sent[self._first] + self.seconds else None
        if self._behind is not None and len(self.waits_s) == self._behind - (self._first or 0):
            return None
        self._sent.append(now)
        return number

    def take(self, client: int, number: int, now: float) -> None:
        """Take in that a client has the answer to a request."""
        self._answered.add(client)
        if self._first is not None and self._first <= number < (self._behind or len(self._sent)):
            self.waits_s[number] = now - self._sent[number]

    def rate(self, done: float) -> float:
        """Return how much is done in a second, of what was done by the requests that count."""
        return self.clients * done / sum(self.waits_s.values())


def request(host: str, port: int, path: str, body: bytes, kind: str, lines: int) -> Request:
    """Prepare a POST."""
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return Request(head.encode() + body, lines)


def drive(host: str, port: int, requests: Sequence[Request], clients: int, seconds: float) -> Outcome:
    """Send the requests round and round from so many clients at once: whole rounds, for so many seconds at least."""
    return asyncio.run(_drive(host, port, requests, clients, seconds))


async def _drive(host: str, port: int, requests: Sequence[Request], clients: int, seconds: float) -> Outcome:
    load = Load(clients, len(requests), seconds, min(MOST_WARM_UP_S, seconds / 3))
    good: set[int] = set()
    await asyncio.gather(*(_client(host, port, requests, load, client, good) for client in range(clients)))
    waits_ms = 1000 * np.array(list(load.waits_s.values()))
    return Outcome(
        lines_per_s=load.rate(sum(requests[n % len(requests)].lines for n in load.waits_s if n in good)),
        p50_ms=float(np.median(waits_ms)),
        p99_ms=float(np.percentile(waits_ms, 99)),
        requests=len(waits_ms),
        failed=len(load.waits_s.keys() - good),
    )


async def _client(
    host: str, port: int, requests: Sequence[Request], load: Load, client: int, good: set[int]
) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=2**24)
    while (number := load.send(time.perf_counter())) is not None:
        while True:
            writer.write(requests[number % len(requests)].data)
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                break
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    raise
                # A proxy may close a connection that was idle: every HTTP client then opens another one.
                reader, writer = await asyncio.open_connection(host, port, limit=2**24)
        await reader.readexactly(_length(head))
        load.take(client, number, time.perf_counter())
        if head.startswith(b"HTTP/1.1 200"):
            good.add(number)
    writer.close()


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.index(b"content-length:") + len(b"content-length:")
    return int(lower[at : lower.index(b"\r\n", at)])
