"""The search as a Ray job on a cluster of its own: what is uploaded, and that it ends with a bundle."""

import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.search.driver import Process, label_arguments, write_labels, write_space

pytestmark = pytest.mark.slow
BIN = Path(sys.executable).parent
PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"
ENVIRONMENT = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ADDRESS": "", "PATH": PATH}
UPLOAD_LIMIT = 5 * 2**20


@dataclass(frozen=True)
class Head:
    """A running head node.

    Attributes:
        address: of its dashboard, which takes jobs.
        folder: with its sessions; not Ray's usual one, where other programs look for a cluster to join.
    """

    address: str
    folder: Path


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """Start `ray start --head` with ports and a folder of its own; end it and nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="head-", dir="/tmp"))
    names = ("port", "dashboard-port", "ray-client-server-port", "dashboard-agent-listen-port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    run = Process(
        BIN / "ray", "start", "--head", "--block", "--num-cpus", 2, "--temp-dir", folder,
        *(word for name, port in ports.items() for word in (f"--{name}", port)),
        "--min-worker-port", 0, "--max-worker-port", 0,
        environment=ENVIRONMENT,
    )  # fmt: skip
    address = f"http://127.0.0.1:{ports['dashboard-port']}"
    try:
        wait_for_jobs(address, run)
        yield Head(address, folder)
    finally:
        run.signal(signal.SIGTERM)
        run.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for_jobs(address: str, run: Process) -> None:
    """Wait until the head takes jobs."""
    until = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(f"{address}/api/jobs/", timeout=5):  # noqa: S310 - our own address
                return
        except OSError:
            assert time.monotonic() < until, run.output
            time.sleep(0.5)


def test_a_search_runs_as_a_job(head: Head, data_dir: Path, tmp_path: Path) -> None:
    labels = write_labels(data_dir, tmp_path / "labels", 24, 12)
    space = write_space(tmp_path, epochs=1)
    job = Process(
        BIN / "ray", "job", "submit", "--address", head.address, "--working-dir", ".", "--",
        "python", "search/run.py", *label_arguments(labels), "--space", space, "--test-fraction", 0,
        "--trials", 1, "--storage", tmp_path, "--name", "job",
        environment=ENVIRONMENT,
    )  # fmt: skip
    assert job.wait() == 0, job.output
    summary = json.loads((tmp_path / "job" / "summary.json").read_text(encoding="utf-8"))
    assert [(trial["state"], trial["epochs"]) for trial in summary["trials"]] == [("finished", 1)]
    assert (tmp_path / "job" / "best" / "inference.onnx").is_file()
    check_upload(head.folder)


def check_upload(folder: Path) -> None:
    """The job carried the project, and neither the environment, nor the history, nor results."""
    (package,) = (
        path for path in folder.glob("session_2*/runtime_resources/working_dir_files/*") if path.is_dir()
    )
    assert (package / "search" / "run.py").is_file()
    assert not {".git", ".venv", "runs"} & {path.name for path in package.iterdir()}
    assert sum(path.stat().st_size for path in package.rglob("*") if path.is_file()) < UPLOAD_LIMIT
