"""A Ray cluster of several nodes on this machine, one of which can be lost.

Each node has a network namespace and an address of its own where this process may make them (root); elsewhere all have
the machine's address.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.search.driver import Process
from tests.search.machines.job_cluster import BIN, ENVIRONMENT, NODE_PORTS, options
from tests.search.machines.ports import free_ports

BRIDGE = "ocrtune0"
NET = "10.213.7"


@dataclass
class Nodes:
    """A head without cores, and nodes with one each.

    Attributes:
        address: that a driver connects to.
        own_addresses: whether each node has its own.
    """

    address: str
    own_addresses: bool
    folder: Path
    running: list[Process] = field(default_factory=list)

    def start(self, number: int) -> None:
        """Start node `number`; 0 is the head."""
        port = self.address.partition(":")[2]
        head = ["--head", "--port", port, "--include-dashboard", "false", "--temp-dir", self.folder]
        place = head if number == 0 else ["--address", self.address]
        host = f"{NET}.{number + 1}" if self.own_addresses else "127.0.0.1"
        inside = ["ip", "netns", "exec", namespace(number)] if self.own_addresses and number else []
        run = Process(
            *inside, BIN / "ray", "start", "--block", *place, "--node-ip-address", host,
            *options(dict(zip(NODE_PORTS, free_ports(len(NODE_PORTS)), strict=True))),
            "--num-cpus", min(number, 1), "--min-worker-port", 0, "--max-worker-port", 0,
            environment=ENVIRONMENT,
        )  # fmt: skip
        run.wait_for("Ray runtime started")
        self.running.append(run)

    def lose(self, name: str) -> None:
        """Kill every process of the node on which a process of that name runs."""
        kill(self._find(name)[1])

    def kill(self, name: str) -> None:
        """Kill the processes of that name alone."""
        kill(self._find(name)[0])

    def _find(self, name: str) -> tuple[list[psutil.Process], list[psutil.Process]]:
        """Return the processes of that name on the first node that has some, and all of that node."""
        for node in self.running:
            processes = node.descendants()
            if named := [process for process in processes if name_of(process).startswith(name)]:
                return named, processes
        raise AssertionError(f"no {name} runs on any node")


def name_of(process: psutil.Process) -> str:
    with suppress(psutil.NoSuchProcess):
        return str(process.name())
    return ""


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)


def namespace(number: int) -> str:
    return f"ocrtune-{os.getpid()}-{number}"


def link(number: int) -> None:
    """Give node `number` a namespace with an address on the bridge."""
    # Names of this process: those of one that was killed may still be there.
    here, there = f"o{os.getpid()}-{number}a", f"o{os.getpid()}-{number}b"
    inside = ["ip", "netns", "exec", namespace(number)]
    for command in (
        ["ip", "netns", "add", namespace(number)],
        ["ip", "link", "add", here, "type", "veth", "peer", "name", there],
        ["ip", "link", "set", here, "master", BRIDGE, "up"],
        ["ip", "link", "set", there, "netns", namespace(number)],
        [*inside, "ip", "address", "add", f"{NET}.{number + 1}/24", "dev", there],
        [*inside, "ip", "link", "set", there, "up"],
        [*inside, "ip", "link", "set", "lo", "up"],
    ):
        subprocess.run(command, check=True)


def bridge() -> bool:
    """Make the bridge; return whether that is possible here."""
    if os.geteuid() or not shutil.which("ip"):
        return False
    made = subprocess.run(["ip", "link", "add", BRIDGE, "type", "bridge"], check=False).returncode == 0
    if made:
        subprocess.run(["ip", "address", "add", f"{NET}.1/24", "dev", BRIDGE], check=True)
        subprocess.run(["ip", "link", "set", BRIDGE, "up"], check=True)
    return made


@contextmanager
def nodes(count: int) -> Iterator[Nodes]:
    """Run a head and `count` nodes; end them and nothing else."""
    own = bridge()
    folder = Path(tempfile.mkdtemp(prefix="nodes-", dir="/tmp"))
    [port] = free_ports(1)
    cluster = Nodes(f"{NET}.1:{port}" if own else f"127.0.0.1:{port}", own, folder)
    try:
        for number in range(count + 1):
            if own and number:
                link(number)
            cluster.start(number)
        yield cluster
    finally:
        for node in reversed(cluster.running):
            with suppress(psutil.NoSuchProcess):
                kill(node.descendants())
            with suppress(ProcessLookupError):
                node.signal(signal.SIGKILL)
        for number in range(1, count + 1) if own else ():
            subprocess.run(["ip", "netns", "delete", namespace(number)], check=False)
        if own:
            subprocess.run(["ip", "link", "delete", BRIDGE], check=False)
        shutil.rmtree(folder, ignore_errors=True)
