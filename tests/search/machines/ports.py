"""Ports for what tests start: nothing else takes one in the seconds between its choice and its use."""

import os
import random
import socket
from itertools import cycle, islice

PORTS = range(20_000, 32_000)
"""By default Linux gives none of these away: neither to connections nor to who listens on any port, as Ray does."""


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on: each once, and none that another of pytest's processes is given.

    Raises RuntimeError where fewer are free: a second round would find no more.
    """
    ports = list(islice(filter(is_free, islice(_NEXT, len(_OURS))), count))
    if len(ports) < count:
        raise RuntimeError(f"{count} ports asked for, {len(ports)} of {len(_OURS)} free")
    return ports


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def deal() -> list[int]:
    """Return this process's share of the ports, in random order."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(PORTS[number :: int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))])
    random.shuffle(ports)
    return ports


_OURS = deal()
_NEXT = cycle(_OURS)
