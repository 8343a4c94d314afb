"""Clients that mean no good, beside ten polite ones: what the polite ones notice, and what memory it takes."""

import base64
import json
import os
import random
import socket
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from typing import Any

import cv2
import numpy as np
import psutil

from benchmarks.servers.load import Request, drive, request
from benchmarks.servers.server import HOST, server
from benchmarks.serving import line_files, page_files

POLITE = 10
STORM, IDLE, SLOW_PDFS = 20, 262, 7
QUIET_SHARE, QUIET_MOST_S = 0.2, 60.0
CALM_S = 45.0
"""After the storm; what large pictures took is given back by then."""
TIMES, MOST_MIB = 5.0, 2048.0
"""Bounds: the polite clients' p99 against the quiet one's, and the largest process."""
Attack = Callable[[int, threading.Event], None]
HEAD = f"POST /ocr HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: "


def storm(seconds: float, topology: str) -> dict[str, Any]:
    """Measure ten polite clients alone, then among hostile ones; return both, and the memory of every process."""
    quiet_s = min(QUIET_MOST_S, QUIET_SHARE * seconds)
    with server("serve/run.py", "--topology", topology) as port:
        asked = polite_requests(port)
        quiet = drive(HOST, port, asked, POLITE, quiet_s)
        before = memory()
        largest: dict[str, float] = {}
        ended = threading.Event()
        attacks = [(pictures, STORM), (leavers, 4), (slow_pdfs, SLOW_PDFS), (idlers, 1)]
        threads = [
            threading.Thread(target=_repeat, args=(attack, port, ended))
            for attack, count in attacks
            for _ in range(count)
        ]
        threads.append(threading.Thread(target=_watch, args=(largest, ended)))
        for thread in threads:
            thread.start()
        loaded = drive(HOST, port, asked, POLITE, seconds - quiet_s)
        ended.set()
        for thread in threads:
            thread.join()
        time.sleep(CALM_S)
        after = memory()
    return {
        "quiet": asdict(quiet),
        "among hostile": asdict(loaded),
        "p99 / quiet": loaded.p99_ms / quiet.p99_ms,
        "failed": quiet.failed + loaded.failed,
        "MiB before": before,
        "MiB at most": largest,
        "MiB after": after,
    }


def missed(figures: dict[str, Any]) -> list[str]:
    """Return the bounds that were not kept."""
    most = max(figures["MiB at most"].values())
    found = {
        f"{figures['failed']} requests of polite clients failed": figures["failed"] > 0,
        f"p99 is {figures['p99 / quiet']:.1f} times the quiet one": figures["p99 / quiet"] > TIMES,
        f"a process took {most:.0f} MiB": most > MOST_MIB,
    }
    return [words for words, is_so in found.items() if is_so]


def polite_requests(port: int) -> list[Request]:
    """Return requests of a line, and a page among every ten of them."""
    lines = [{"images": [base64.b64encode(data).decode()]} for data in line_files()]
    pages = [_ask(data, 1) for data in page_files()]
    bodies = [("/recognize", json.dumps(line).encode()) for line in lines[: 9 * len(pages)]]
    bodies += [("/ocr", page) for page in pages]
    random.Random(0).shuffle(bodies)
    return [request(HOST, port, path, body, "application/json", 1) for path, body in bodies]


def _ask(data: bytes, kind: int, visualize: bool = False) -> bytes:
    file = base64.b64encode(data).decode()
    return json.dumps({"file": file, "fileType": kind, "visualize": visualize}).encode()


def pictures(port: int, ended: threading.Event) -> None:
    """Send a white picture of 49 megapixels, which is some kilobytes, and wait for its answer."""
    _send(port, _ask(_white(), 1, visualize=True), 600, ended)


def leavers(port: int, ended: threading.Event) -> None:
    """Send such a picture and go away a second later."""
    _send(port, _ask(_white(), 1, visualize=True), 1, ended)


def slow_pdfs(port: int, ended: threading.Event) -> None:
    """Send a PDF that takes pdfium half a minute."""
    _send(port, _ask(_slow_pdf(), 0), 600, ended)


def idlers(port: int, ended: threading.Event) -> None:
    """Open connections that send the beginning of a body, and hold them for half a minute."""
    held = []
    for _ in range(IDLE):
        connection = socket.create_connection((HOST, port))
        connection.sendall(f'{HEAD}100000\r\n\r\n{{"file":"'.encode())
        held.append(connection)
    ended.wait(30)
    for connection in held:
        connection.close()


def _send(port: int, body: bytes, wait_s: float, ended: threading.Event) -> None:
    """Send a request and wait for its answer, or for the end of everything."""
    until = time.monotonic() + wait_s
    with suppress(OSError), socket.create_connection((HOST, port)) as connection:
        connection.sendall(f"{HEAD}{len(body)}\r\n\r\n".encode() + body)
        connection.settimeout(0.5)
        while time.monotonic() < until and not ended.is_set():
            with suppress(TimeoutError):
                connection.recv(1)
                return


def _repeat(attack: Attack, port: int, ended: threading.Event) -> None:
    while not ended.wait(0.1):
        attack(port, ended)


@cache
def _white() -> bytes:
    return cv2.imencode(".png", np.full((7000, 7000), 255, np.uint8))[1].tobytes()


@cache
def _slow_pdf() -> bytes:
    """Return a page of 3,000 polygons with 400 corners each."""
    polygons = [
        "".join(f"{(37 * i + 91 * j) % 595} {(53 * i + 77 * j) % 842} l " for j in range(400))
        for i in range(3000)
    ]
    drawn = zlib.compress(("0.5 g\n" + "".join(f"0 0 m {corners}f*\n" for corners in polygons)).encode())
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>",
        b"<</Length %d/Filter/FlateDecode>>stream\n%b\nendstream" % (len(drawn), drawn),
    )
    body = b"".join(b"%d 0 obj\n%b\nendobj\n" % numbered for numbered in enumerate(objects, 1))
    return b"%PDF-1.5\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF\n"


def memory() -> dict[str, float]:
    """Return the resident MiB of the server's processes, the largest of each name."""
    found: dict[str, float] = {}
    for process in _processes():
        try:
            words = process.cmdline()
            name = next((w for w in words if w.startswith("ray::") or w.endswith(".py")), process.name())
            name = name.rpartition("/")[2]
            found[name] = max(found.get(name, 0), process.memory_info().rss / 2**20)
        except psutil.Error:
            continue
    return found


def _processes() -> list[psutil.Process]:
    """Return the children of this process, the server and its cluster among them."""
    found: list[psutil.Process] = psutil.Process(os.getpid()).children(recursive=True)
    return found


def _watch(largest: dict[str, float], ended: threading.Event) -> None:
    while not ended.wait(1):
        for name, size in memory().items():
            largest[name] = max(largest.get(name, 0), size)
