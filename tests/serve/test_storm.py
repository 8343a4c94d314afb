"""A small storm: large pictures, idle bodies and clients that leave, and what memory every process takes."""

import base64
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import cv2
import httpx
import numpy as np
import psutil
import pytest

from tests import real_lines
from tests.serve.conftest import Server

pytestmark = pytest.mark.slow
LARGE, LEAVING, IDLE = 2, 1, 300
MOST_MIB, GROWN_MIB = 1400, 200


def white(side: int) -> str:
    """A white picture: some kilobytes that are megabytes when decoded."""
    return base64.b64encode(cv2.imencode(".png", np.full((side, side), 255, np.uint8))[1].tobytes()).decode()


@contextmanager
def begun(server: Server, body: bytes, length: int) -> Iterator[None]:
    """A request that was sent, or of which the beginning was, and whose answer nobody reads, whatever it asks for."""
    fields = f"Content-Length: {length}\r\nX-Request-Disconnect-Disabled: ?1\r\n"
    head = f"POST /ocr HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + body)
        yield


def resident(server: Server) -> dict[str, float]:
    """MiB of the server's processes that serve, by name."""
    found: dict[str, float] = {}
    for process in psutil.Process(server.pid).children(recursive=True):
        try:
            name = " ".join(process.cmdline())
            if any(word in name for word in ("ServeReplica", "haproxy -db", "pdf_worker", "multiprocessing")):
                found[name[:60]] = max(found.get(name[:60], 0), process.memory_info().rss / 2**20)
        except psutil.NoSuchProcess:
            continue
    return found


def in_work(server: Server) -> float:
    """Return how many requests are answered now: this one, and others that somebody waits for."""
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("ocrtune_requests_in_work "))


def test_large_pictures_idle_bodies_and_leavers_leave_others_and_memory_alone(
    server: Server, data_dir: object
) -> None:
    (sample,) = real_lines.samples(data_dir, split="val", count=1)  # type: ignore[arg-type]
    line = {"images": [base64.b64encode(sample.path.read_bytes()).decode()]}
    page = {"file": white(2100), "fileType": 1}
    left = json.dumps(page).encode()
    before, largest = resident(server), 0.0
    with ExitStack() as stack, httpx.Client(base_url=server.url, timeout=120) as client:
        for _ in range(IDLE):
            stack.enter_context(begun(server, b"{", 1000))
        pool = stack.enter_context(ThreadPoolExecutor(LARGE))
        asked = [pool.submit(httpx.post, f"{server.url}/ocr", json=page, timeout=600) for _ in range(LARGE)]
        with ExitStack() as leaving:
            for _ in range(LEAVING):
                leaving.enter_context(begun(server, left, len(left)))
            time.sleep(0.5)
        while not all(answer.done() for answer in asked):
            assert client.post("/recognize", json=line).status_code == 200
            largest = max(largest, *resident(server).values())
            time.sleep(0.2)  # large pictures come behind all others
        assert {answer.result().status_code for answer in asked} == {200}
    assert largest < MOST_MIB
    until = time.monotonic() + 300  # that clients have left is seen soon, not at once
    while in_work(server) > 1 or grown(server, before):
        assert time.monotonic() < until, (in_work(server), grown(server, before))
        time.sleep(0.2)


def grown(server: Server, before: dict[str, float]) -> dict[str, float]:
    """Return by how many MiB processes have grown that take much more than before."""
    more = {name: size - before[name] for name, size in resident(server).items() if name in before}
    return {name: size for name, size in more.items() if size > GROWN_MIB}
