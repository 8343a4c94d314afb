"""What a trial takes of a cluster, and how many run at a time: pure decisions, made for each node by itself.

A trial, or each of its workers, runs on one node: what is free on several nodes does not add up.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from search.preflight.cost import Footprint
from search.settings import StudySettings
from search.storage.location import Location, locate
from train.config import TrialConfig
from train.errors import UsageError
from train.steps.micro_batches import more_micro_batches

WORKERS = ".workers"
"""A folder of the study: one beside it could be another study's, and this one is deleted at the end."""

TRIAL_RESOURCES: dict[str, float] = {"memory": 1}
"""What a trial takes itself where its workers reserve their own: one byte, for Tune refuses a request of nothing."""

MICRO_BATCHES = (2, 4)
"""In how many the largest batches of usual trials may be computed so that more of these run at a time."""
LEAST_PART = 8
"""Samples of such a micro-batch of a usual batch: live batch norms take their statistics from it."""

Nodes = Sequence[Mapping[str, float]]
"""What each node has: `CPU`, `GPU` and `memory` (bytes), as Ray names it."""


@dataclass(frozen=True)
class TrialResources:
    """What each trial, or each worker of one, takes of its node.

    Attributes:
        amounts: CPUs, GPUs and memory, as Ray names them.
        footprints: by model; none where they were not measured.
    """

    amounts: Mapping[str, float]
    footprints: Mapping[str, Footprint] = field(default_factory=dict)

    def micro_batches(self, config: TrialConfig, workers: int = 1) -> int:
        """Return in how many micro-batches each of `workers` computes its share of a batch, to keep to its memory."""
        if config.model not in self.footprints or "memory" not in self.amounts:
            return 1

        def takes(micro_batches: int) -> int:
            samples = -(-config.batch_size // (workers * micro_batches))
            return self.footprints[config.model].trial_bytes(samples, config.fit_width)

        micro_batches = 1
        while takes(micro_batches) > self.amounts["memory"]:
            more = more_micro_batches(config, micro_batches, workers)
            if more is None or takes(more) == takes(micro_batches):  # none is small enough
                break
            micro_batches = more
        return micro_batches


@dataclass(frozen=True)
class WorkerGroup:
    """Who trains a trial.

    Attributes:
        workers: processes that train together.
        storage: that every node reaches, for the run's transient files.
        name: what the run's folder in `storage` begins with; a suffix makes it unique, and it is deleted at the end.
        amounts: what each worker takes of its node: CPUs, of which Ray also sets its number of threads, GPUs, memory.
    """

    workers: int
    storage: Location
    name: str
    amounts: Mapping[str, float] = field(default_factory=lambda: {"CPU": 1.0})


@dataclass(frozen=True)
class Resources:
    """How trials share the cluster.

    Attributes:
        trial: what each trial, or each worker of one, takes of its node.
        group: the workers of a trial; None for a trial in one process.
        concurrent: trials at a time.
    """

    trial: TrialResources
    group: WorkerGroup | None
    concurrent: int


def pack(
    settings: StudySettings,
    nodes: Nodes,
    memory: Sequence[Sequence[int]],
    footprints: Mapping[str, Footprint],
) -> Resources:
    """Return how trials share the nodes; raise UsageError if they are too small for one.

    All trials reserve the same memory: what the largest one takes, if that lets as many run at a time as what the usual
    one takes; else what the usual one takes, and larger ones compute their batches in micro-batches. So do the usual
    ones where more of them run at a time then: two trials on a core each train more lines, and tell more, than one on
    two.

    Args:
        settings: the study's.
        nodes: those that there are.
        memory: bytes that the trials of the space take, ascending; the middle one is the usual. With whole batches
            first, then with more and more micro-batches.
        footprints: by model.
    """
    wanted = [memory[0][-1], *(some[len(some) // 2] for some in memory)]
    choices = [choose_amounts(settings, nodes, one) for one in wanted]
    fits = [choose_concurrent(settings, one, nodes) for one in choices]
    needed = [min(fit, settings.trials or fit) for fit in fits]
    best = needed.index(max(needed))
    return Resources(
        TrialResources(choices[best], footprints), make_group(settings, choices[best]), fits[best]
    )


def make_group(settings: StudySettings, amounts: Mapping[str, float]) -> WorkerGroup | None:
    """Return a trial's workers, each with these amounts of its node; None without any."""
    if settings.workers == 0:
        return None
    return WorkerGroup(settings.workers, locate(settings).inside(WORKERS), settings.name, dict(amounts))


def choose_concurrent(settings: StudySettings, amounts: Mapping[str, float], nodes: Nodes) -> int:
    """Return how many trials run at a time if all, or all their workers, take these amounts.

    Raises UsageError if the cluster is too small for one.
    """
    if settings.autoscaling:
        return require_promise(settings)
    fits = count_concurrent(amounts, nodes, max(1, settings.workers))
    return min(fits, settings.concurrent or fits)


def choose_amounts(settings: StudySettings, nodes: Nodes, memory: int = 0) -> dict[str, float]:
    """Return CPUs, GPUs and memory of one trial, or of one of its workers: as asked, else chosen so that nothing idles.

    Without GPUs a trial gets one core: two trials of one core each train more lines a second than one of two cores;
    where memory for so many trials is lacking, or fewer are asked for, the cores are shared among those that run. With
    GPUs it gets one, and its share of its node's cores for loading. Memory is never more than the largest node has: it
    then runs one trial.

    Args:
        settings: where what is asked for stands.
        nodes: those that there are.
        memory: bytes that a trial needs; 0 if unknown.
    """
    gpus = settings.gpus if settings.gpus is not None else min(1.0, max(n.get("GPU", 0.0) for n in nodes))
    check_fraction(gpus)
    able = [node for node in nodes if node.get("GPU", 0.0) >= gpus and node.get("CPU", 0.0) > 0] or nodes
    most = int(max(node.get("memory", 0.0) for node in able))
    if settings.workers:  # a worker's node may be its trial's, too
        most = max(0, most - int(TRIAL_RESOURCES["memory"]))
    amounts = {"CPU": settings.cpus or 1.0, "GPU": gpus} | ({"memory": min(memory, most)} if memory else {})
    if settings.cpus is not None:
        return amounts
    cores = [
        math.floor(node.get("CPU", 1.0) / fits)
        for node in able
        if (fits := count_fitting(amounts | {"CPU": 1.0}, node)) > 0
    ]
    return add_idle_cores(amounts | {"CPU": float(max(1, min(cores, default=1)))}, settings, able)


def add_idle_cores(amounts: dict[str, float], settings: StudySettings, nodes: Nodes) -> dict[str, float]:
    """Return amounts with as many cores as leave room for all trials that are asked for, or that fit.

    On a cluster that grows they stay as they are: the nodes to come may be smaller.
    """
    limits = [number for number in (settings.trials, settings.concurrent) if number is not None]
    if settings.autoscaling or not limits:
        return amounts

    def fits(cores: int) -> int:
        return sum(count_fitting(amounts | {"CPU": float(cores)}, node) for node in nodes)

    least, most = int(amounts["CPU"]), int(max(node.get("CPU", 0.0) for node in nodes))
    running = min(min(limits) * max(1, settings.workers), fits(least))
    enough = (cores for cores in range(most, least, -1) if fits(cores) >= running)
    return amounts | {"CPU": float(next(enough, least))}


def subtract(node: Mapping[str, float], held: Mapping[str, float]) -> dict[str, float]:
    """Return what a node has beside what is held for good."""
    return {name: max(0.0, amount - held.get(name, 0.0)) for name, amount in node.items()}


def describe_wait(settings: StudySettings, amounts: Mapping[str, float], free: Nodes) -> str:
    """Say that a trial waits for what others hold; empty where a node has room for one now, or may still come.

    Args:
        settings: the study's.
        amounts: of a trial, or of one of its workers.
        free: what each node has left.
    """
    if settings.autoscaling or any(count_fitting(amounts, node) for node in free):
        return ""
    wanted = " and ".join(f"{amount:g} {name}" for name, amount in amounts.items() if amount)
    return (
        f"no node has {wanted} free, which a trial takes: it waits until others give it back "
        "(--cpus-per-trial and --gpus-per-trial ask for less)"
    )


def check_fraction(gpus: float) -> None:
    """Raise UsageError for a number of GPUs that Ray cannot give: a fraction of one, or whole ones."""
    if gpus > 1 and gpus != int(gpus):
        raise UsageError(
            "--gpus-per-trial must be a whole number, or less than 1", gpus, "for example 0.25, 1 or 2"
        )


def count_fitting(need: Mapping[str, float], node: Mapping[str, float]) -> int:
    """Return how many trials, each with these needs, one node holds."""
    return min(_count_parts(name, node.get(name, 0.0), amount) for name, amount in need.items() if amount)


def _count_parts(name: str, has: float, amount: float) -> int:
    """Return how many times an amount fits; less than a GPU is a share of one GPU, never of two."""
    # A third of a GPU fits three times, whatever 1 / (1 / 3) is in floating point.
    if name != "GPU" or amount >= 1:
        return math.floor(has / amount + 1e-6)
    return sum(math.floor(each / amount + 1e-6) for each in (*[1.0] * int(has), has % 1))


def count_concurrent(need: Mapping[str, float], nodes: Nodes, workers: int = 1) -> int:
    """Return how many trials of so many workers, each with these needs, the nodes hold.

    Raises UsageError if they hold none.
    """
    fits = sum(count_fitting(need, node) for node in nodes) // workers
    if fits == 0:
        raise UsageError(
            "a trial must fit the cluster",
            f"{workers} x {dict(need)} on nodes of {[{name: node.get(name, 0) for name in need} for node in nodes]}",
            "ask for less with --cpus-per-trial, --gpus-per-trial or --workers-per-trial, or say --autoscaling",
        )
    return fits


def require_promise(settings: StudySettings) -> int:
    """Return how many trials run at a time on a cluster that starts nodes as they are asked for.

    Raises UsageError if the command line does not say it: none of the nodes may be there yet.
    """
    if settings.concurrent is None or (settings.gpus is None and settings.cpus is None):
        missing = "--concurrent" if settings.concurrent is None else "--gpus-per-trial or --cpus-per-trial"
        raise UsageError(
            "--autoscaling needs to be told how many trials will run at a time, and what each takes",
            f"no {missing}",
            "for example --autoscaling --gpus-per-trial 1 --concurrent 8",
        )
    return settings.concurrent
