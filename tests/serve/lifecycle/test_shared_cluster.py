"""A server on a cluster whose Ray Serve has an application of somebody else."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import ray
from ray import cloudpickle, serve
from ray.experimental.internal_kv import _internal_kv_put

from serve.app import _finish
from serve.cluster.applications import OWNER, is_replaced, list_left, require_names, taking_place
from serve.environment import SERVE
from tests.serve.conftest import REPOSITORY, free_port
from train.errors import UsageError

pytestmark = pytest.mark.slow
OTHERS = {"hello", "orientation"}


@serve.deployment
class Hello:
    """What another team serves."""

    async def __call__(self, _: object) -> str:
        return "hello"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the cluster's Ray Serve listens."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    port = free_port()
    name = "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S"  # by itself Ray kills a proxy that a busy machine starts slowly
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, os.environ.get(name, SERVE[name]))
        ray.init("local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(Hello.bind(), name="hello", route_prefix="/hello")  # type: ignore[attr-defined]
    turning = Hello.options(ray_actor_options={"num_cpus": 0})  # type: ignore[attr-defined]
    serve.run(turning.bind(), name="orientation", route_prefix=None)  # a name that is ours elsewhere
    yield port
    serve.shutdown()
    ray.shutdown()


def run_server(port: int, storage: Path, log: Path, *options: str) -> "subprocess.Popen[bytes]":
    address = ray.get_runtime_context().gcs_address
    models = ["--recognition", "pp-ocrv6-tiny", "--detection", "pp-ocrv6-tiny", "--recognisers", "1"]
    command = [
        sys.executable,
        "serve/run.py",
        "--address",
        address,
        "--port",
        str(port),
        "--storage",
        storage,
    ]
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    with log.open("wb") as output:
        return subprocess.Popen(
            [*command, *models, *options], cwd=REPOSITORY, stdout=output, stderr=output, env=environment
        )


def start_and_be_interrupted() -> None:
    with taking_place({"detection"}, 0):
        assert not is_replaced(), "the server before would end what begins"
        serve.run(Hello.bind(), name="detection", route_prefix=None)  # type: ignore[attr-defined]
        raise KeyboardInterrupt


def test_what_does_not_start_leaves_nothing(port: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        start_and_be_interrupted()
    assert not is_replaced(), "nobody served before"
    _internal_kv_put(OWNER, b"another", overwrite=True)
    with pytest.raises(KeyboardInterrupt):
        start_and_be_interrupted()
    assert is_replaced()
    assert serve.status().applications.keys() == OTHERS


TAKER = """
import ray, sys, time
from ray import serve
ray.init(sys.argv[1], log_to_driver=False)
from serve.cluster.applications import DEPLOYED, taking_place

@serve.deployment(name=DEPLOYED["detection"], ray_actor_options={"num_cpus": 0})
class Detector:
    pass

with taking_place({"detection"}, 0):
    serve.run(Detector.bind(), name="detection", route_prefix=None)
    print("begun", flush=True)
    time.sleep(600)
"""


def test_a_server_that_is_killed_before_it_serves_has_replaced_nobody(port: int) -> None:
    """The one before ends what it serves, and what that one had begun; where none was killed, its own alone."""
    _internal_kv_put(OWNER, ray.get_runtime_context().get_job_id(), overwrite=True)
    command = [sys.executable, "-c", TAKER, ray.get_runtime_context().gcs_address]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as taker:
        try:
            assert taker.stdout
            assert b"begun" in taker.stdout.readline()
            assert is_replaced()
            assert not list_left(), "they may be somebody else's"
        finally:
            taker.kill()
    until = time.monotonic() + 120
    while is_replaced():
        assert time.monotonic() < until
        time.sleep(0.1)
    assert list_left() == {"detection"}
    asyncio.run(_finish({"ocr"}))
    assert serve.status().applications.keys() == OTHERS


@serve.deployment(ray_actor_options={"num_cpus": 0})
class Replaced:
    """What another server takes the place of while its last requests finish."""

    def __init__(self) -> None:
        self._asked = 0

    async def drain(self, _: bool) -> int:
        self._asked += 1
        _internal_kv_put(OWNER, b"another", overwrite=True)
        return 1

    async def asked(self) -> int:
        return self._asked


def test_a_server_that_is_replaced_while_it_ends_leaves_the_other_one_alone(port: int) -> None:
    _internal_kv_put(OWNER, ray.get_runtime_context().get_job_id(), overwrite=True)
    handle = serve.run(Replaced.bind(), name="ocr", route_prefix=None)  # type: ignore[attr-defined]
    asyncio.run(_finish({"ocr"}))
    assert serve.status().applications.keys() == OTHERS | {"ocr"}
    assert handle.asked.remote().result() == 1, "the other one's processes are not drained"
    serve.delete("ocr")


def test_names_and_paths_of_others_are_not_taken(port: int) -> None:
    with pytest.raises(UsageError, match="orientation, which deploys Hello"):
        require_names({"ocr", "orientation"})
    require_names({"ocr", "recognition"})


def wait_until_it_serves(server: "subprocess.Popen[bytes]", log: Path, port: int) -> None:
    until = time.monotonic() + 300
    while "\n    curl" not in log.read_text():
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.2)
    assert httpx.get(f"http://127.0.0.1:{port}/ready", timeout=30).status_code == 200


def end(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGINT)
    assert server.wait(180) == 0


def test_it_serves_beside_the_other_is_replaced_and_ends_alone(port: int, tmp_path: Path) -> None:
    """The second server has its models in the process that speaks HTTP: those of the first one end, and it stays."""
    log, elsewhere = tmp_path / "log", free_port()
    assert run_server(elsewhere, tmp_path / "store", log).wait(180) == 2
    assert f"where it has 127.0.0.1:{port}" in log.read_text(), "Ray Serve listens in one place"
    first = run_server(port, tmp_path / "store", log)
    wait_until_it_serves(first, log, port)
    assert serve.status().applications.keys() == OTHERS | {"ocr", "recognition", "detection"}
    log = tmp_path / "log2"
    second = run_server(port, tmp_path / "store", log, "--topology", "fused")
    wait_until_it_serves(second, log, port)
    assert serve.status().applications.keys() == OTHERS | {"ocr"}
    end(first)
    assert httpx.get(f"http://127.0.0.1:{port}/ready", timeout=30).status_code == 200
    end(second)
    assert serve.status().applications.keys() == OTHERS
    assert httpx.get(f"http://127.0.0.1:{port}/hello", timeout=30).text == "hello"
