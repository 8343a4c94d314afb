"""A Ray cluster that one program starts on this machine, and that ends with it."""

from functools import partial
from typing import Any

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
