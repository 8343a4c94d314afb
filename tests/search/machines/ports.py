"""Ports for what tests start: nothing else takes one in the seconds between its choice and its use."""

import os
import random
import socket
from collections.abc import Iterator
from itertools import cycle

PORTS = range(20_000, 32_000)
"""Linux gives none of these away: neither to connections nor to who listens on any port, as Ray's processes do."""


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on: each once, and none that another of pytest's processes is given."""
    return [next(port for port in _OURS if is_free(port)) for _ in range(count)]


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def deal() -> Iterator[int]:
    """Yield this process's share of the ports, in random order."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(PORTS[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))])
    random.shuffle(ports)
    return cycle(ports)


_OURS = deal()
