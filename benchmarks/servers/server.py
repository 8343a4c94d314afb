"""A server in a process of its own, for as long as a benchmark needs it."""

import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from benchmarks.common import REPOSITORY

HOST = "127.0.0.1"


@contextmanager
def server(*command: str) -> Iterator[int]:
    """Run a server that takes its port as its last argument until it is no longer needed."""
    port = _free_port()
    words = [
        sys.executable,
        *command,
        *([] if command[-1] == "--port" or "rivals" in command[0] else ["--port"]),
    ]
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as storage:
        if "serve/run.py" in command[0] and "--storage" not in command:
            words[2:2] = ["--storage", storage]  # what was promoted elsewhere is not what is measured
        process = subprocess.Popen([*words, str(port)], cwd=REPOSITORY, stdout=log, stderr=log)
        try:
            _wait(process, port, "/ready" if "serve/run.py" in command[0] else "/openapi.json", log)
            yield port
        finally:
            process.terminate()
            process.wait(90)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait(process: "subprocess.Popen[bytes]", port: int, path: str, log: IO[bytes]) -> None:
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=10):
                return
        except OSError:
            time.sleep(0.5)
    log.seek(0)
    said = log.read().decode(errors="replace")[-2000:]
    raise RuntimeError(f"the server on port {port} ended with {process.returncode}: {said}")
