"""Ray clusters of `ray start` nodes on this machine that take jobs, with ports and folders of their own."""

import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.search.driver import Process
from tests.search.machines.ports import free_ports

BIN = Path(sys.executable).parent
PATH = f"{BIN}{os.pathsep}{os.environ['PATH']}"
# Neither this folder nor PYTHONPATH may stand in for what a job carries.
ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "RAY_ADDRESS": "", "PATH": PATH, "PYTHONPATH": "",
    "RAY_agent_register_timeout_ms": "300000",  # on a busy machine a node ends itself after the usual 30 s
}  # fmt: skip
HEAD_PORTS = ("port", "dashboard-port", "ray-client-server-port")
# A port that an agent chooses by itself has to be known after 15 s, which takes longer on a busy machine.
NODE_PORTS = (
    "dashboard-agent-listen-port", "dashboard-agent-grpc-port", "metrics-export-port", "runtime-env-agent-port"
)  # fmt: skip
NODES = ("127.0.0.1", "127.0.0.2")


@dataclass(frozen=True)
class Cluster:
    """A running head node, and others.

    Attributes:
        address: of its dashboard, which takes jobs.
        port: that other nodes join at.
        folder: with a folder of sessions for each node, for each unpacks a job's files anew, over those of another; not
            Ray's usual one, where other programs look for a cluster to join.
        cores: of each node.
        environment: what its programs and those that talk to it are started with.
    """

    address: str
    port: int
    folder: Path
    cores: int
    environment: Mapping[str, str]


@contextmanager
def cluster(folder: Path, nodes: int, cores: int = 1, **environment: str) -> Iterator[Cluster]:
    """Start nodes with ports and a folder of their own, one after the other; end them and nothing else.

    All have joined before anything is asked of them: a search plans for the nodes that it finds.
    """
    variables = ENVIRONMENT | environment
    ports = dict(zip(HEAD_PORTS, free_ports(len(HEAD_PORTS)), strict=True))
    found = Cluster(f"http://127.0.0.1:{ports['dashboard-port']}", ports["port"], folder, cores, variables)
    with ExitStack() as running:
        head = running.enter_context(node(found, 0, "--head", *options(ports)))
        wait_for_jobs(found, head)
        for number in range(1, nodes):
            running.enter_context(node(found, number, "--address", f"{NODES[0]}:{found.port}"))
        yield found


def options(ports: Mapping[str, int]) -> list[object]:
    return [word for name, port in ports.items() for word in (f"--{name}", port)]


@contextmanager
def node(of: Cluster, number: int, *arguments: object) -> Iterator[Process]:
    ports = dict(zip(NODE_PORTS, free_ports(len(NODE_PORTS)), strict=True))
    run = Process(
        BIN / "ray", "start", "--block", "--num-cpus", of.cores, "--node-ip-address", NODES[number], *arguments,
        *options(ports), "--min-worker-port", 0, "--max-worker-port", 0, "--temp-dir", of.folder / str(number),
        environment=of.environment,
    )  # fmt: skip
    try:
        run.wait_for("Ray runtime started")
        yield run
    finally:
        run.signal(signal.SIGTERM)
        run.wait(120)


def wait_for_jobs(of: Cluster, run: Process) -> None:
    """Wait until the head takes jobs, or asks who we are."""
    until = time.monotonic() + 180
    while True:
        try:
            with urllib.request.urlopen(f"{of.address}/api/jobs/", timeout=5):  # noqa: S310 - our own address
                return
        except urllib.error.HTTPError as error:
            if error.code == 401:
                return
        except OSError:
            pass
        assert time.monotonic() < until, run.output
        time.sleep(0.5)
