"""A Ray cluster that one program starts on this machine, and that ends with it; the machines of any."""

from functools import partial
from typing import Any

import ray
from ray._private import parameter

SPARED: dict[str, Any] = {
    "include_log_monitor": False,  # copies logs of workers, ten looks a second, to drivers that do not want them
    "no_monitor": True,  # scales clusters
}


def spare_processes(**more: Any) -> None:
    """Have Ray start a cluster without what a program alone does not need: 95 MiB, and 1 s of CPU at the start.

    Args:
        more: other fields of Ray's parameters.
    """
    parameter.RayParams = partial(parameter.RayParams, **SPARED, **more)


def list_machines() -> list[dict[str, float]]:
    """Return what each machine of the joined cluster has: `CPU`, `GPU`, and what else Ray names."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
