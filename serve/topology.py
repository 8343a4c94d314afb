"""How the models are spread over processes: a pure decision of the command line and the machine."""

from typing import Literal, NamedTuple

Topology = Literal["graph", "fused"]
CORES = 4
"""Of one process: what Python does for a line takes a tenth to a third of what a small or tiny model does."""


class Layout(NamedTuple):
    """Where the models run.

    Attributes:
        topology: `graph`, each model in replicas of its own; `fused`, all models in every process that speaks HTTP.
        processes: that speak HTTP.
        spares: how many of these are asked only when another one has died.
    """

    topology: Topology
    processes: int
    spares: int = 0

    def __str__(self) -> str:
        if self.topology == "graph":
            return "graph: one process speaks HTTP, each model has its own"
        if self.spares:
            return "fused: one process speaks HTTP, with all models; another one stands by"
        return f"fused: {self.processes} processes speak HTTP, each with all models"


def choose_layout(topology: str, *, cluster: bool, gpus: int | None, cores: int) -> Layout:
    """Return the layout for `auto`, `graph` or `fused`.

    `auto` fuses on the cores of one machine, where it was measured. On a cluster, models scale and fail apart; on a
    GPU, whose memory processes would share, each model is loaded once. Where one process is enough for all cores, the
    second one stands by: two at work would each know of their own lines alone, and use cores that the other one uses.

    Args:
        topology: on the command line.
        cluster: it runs on a Ray cluster of others, whose processes may be on other machines.
        gpus: of the machine; None if the models run on cores.
        cores: of the machine.
    """
    if topology == "graph" or (topology == "auto" and (cluster or gpus is not None)):
        return Layout("graph", 1)
    if cluster:
        return Layout("fused", 1)
    if gpus is not None:
        return Layout("fused", max(1, gpus))
    return Layout("fused", cores // CORES) if cores >= 2 * CORES else Layout("fused", 2, spares=1)
