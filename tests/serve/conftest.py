"""A real server for the tests of this folder: Ray Serve, HAProxy and the pretrained pair, on a free port."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.search.machines.ports import free_ports

REPOSITORY = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    (port,) = free_ports(1)
    return port


class Server:
    """`serve/run.py` in a process of its own."""

    def __init__(self, storage: Path, *arguments: object) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.storage = storage
        self._log = (storage.parent / f"{storage.name}.log").open("w+")
        command = [sys.executable, "serve/run.py", "--port", self.port, "--storage", storage, *arguments]
        self._process = subprocess.Popen(
            [str(word) for word in command],
            cwd=REPOSITORY,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=os.environ
            | {"RAY_ADDRESS": "local", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"},
            start_new_session=True,
        )

    def __enter__(self) -> "Server":
        """Wait until it serves."""
        try:
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        assert self.stop() == 0

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def output(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def wait_until_ready(self, timeout_s: float = 400) -> None:
        until = time.monotonic() + timeout_s
        while "\n    curl" not in self.output:
            assert self._process.poll() is None, self.output
            assert time.monotonic() < until, self.output
            time.sleep(0.2)
        assert self.get("/ready") == 200

    def get(self, path: str) -> int:
        return httpx.get(self.url + path, timeout=30).status_code

    def stop(self) -> int:
        """End it as Ctrl-C does; return its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(180)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            raise
        finally:
            self._log.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The pretrained pair, without keys; it ends with this package, before other tests need the cores."""
    with Server(tmp_path_factory.mktemp("serve") / "store", "--recognisers", 2) as running:
        yield running


@pytest.fixture(scope="package")
def serve_url(server: Server) -> str:
    return server.url
