"""How the trials of a study share the nodes of a cluster: what nodes there are, and what memory trials take."""

from collections.abc import Sequence

import ray

from search.planning.as_read import fix_as_read
from search.planning.packing import LEAST_PART, MICRO_BATCHES, Nodes, Resources, pack, subtract
from search.preflight.cluster import read_reserved_by_job
from search.preflight.data import task_of
from search.preflight.narrowing import list_models
from search.preflight.probing.probe import Probe
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import TrialConfig


def estimate_memory(
    space: SearchSpace, probes: Sequence[Probe], settings: StudySettings, micro_batches: int = 1
) -> list[int]:
    """Return the bytes that trials take, ascending: of each model, with batches of each size of the largest images.

    Of a trial on several workers, what each of them takes for its share of a batch, computed in so many micro-batches.
    """
    usual = TrialConfig()
    sizes = [int(str(size)) for size in space.choices("batch_size") or (usual.batch_size,)]
    batches = [-(-size // (max(1, settings.workers) * micro_batches)) for size in sizes]
    mine = [probe for probe in probes if probe.model in list_models(space)]
    as_read, _ = fix_as_read(space, mine, settings)
    widths = as_read.choices("fit_width") or (usual.fit_width,)
    return sorted(
        probe.footprint.trial_bytes(batch, int(str(width)))
        for probe in mine
        for batch in batches
        for width in widths
    )


def list_nodes() -> Nodes:
    """Return what each node of the cluster has for trials: all but what the search's own Ray job reserves."""
    held, alive = read_reserved_by_job(), [node for node in ray.nodes() if node["Alive"]]
    return [subtract(node["Resources"], held.get(node["NodeID"], {})) for node in alive]


def list_free_nodes() -> Nodes:
    """Return what each node of the cluster has left now: on a cluster of several users, others hold the rest."""
    return [dict(free) for free in ray._private.state.available_resources_per_node().values()]


def list_useful_parts(settings: StudySettings, space: SearchSpace) -> tuple[int, ...]:
    """Return in how many micro-batches usual trials may be computed so that more of them run at a time.

    In none where they would change what is learnt too much, or each batch took the time: parts of fewer than LEAST_PART
    samples of a usual batch, and tasks whose memory does not go by the width of lines.
    """
    sizes = sorted(int(str(size)) for size in space.choices("batch_size")) or [TrialConfig().batch_size]
    usual = sizes[len(sizes) // 2] // max(1, settings.workers)
    by_width = task_of(settings).by_width
    return tuple(count for count in MICRO_BATCHES if by_width and usual >= count * LEAST_PART)


def fit_as_begun(
    settings: StudySettings, nodes: Nodes, space: SearchSpace, probes: Sequence[Probe], began: int | None
) -> Resources:
    """Return how the trials of a resumed study share the nodes: Tune keeps the limit that the study began with.

    Args:
        settings: the study's.
        nodes: those that there are.
        space: that trials are drawn from.
        probes: of its models.
        began: trials at a time then; None where a version began it that noted none, and had whole batches.
    """
    if settings.autoscaling or settings.population is not None:  # neither has the limit from the nodes
        return fit_resources(settings, nodes, space, probes)
    limit = began or fit_resources(settings, nodes, space, probes, parts=()).concurrent
    return fit_resources(settings.model_copy(update={"concurrent": limit}), nodes, space, probes)


def fit_resources(
    settings: StudySettings,
    nodes: Nodes,
    space: SearchSpace,
    probes: Sequence[Probe],
    parts: Sequence[int] | None = None,
) -> Resources:
    """Return how trials share the nodes; without probes memory does not count.

    Usual trials may have `parts` micro-batches; None for what is useful. Raises UsageError if the nodes are too small
    for one.
    """
    counts = (1, *(list_useful_parts(settings, space) if parts is None else parts))
    memory = [estimate_memory(space, probes, settings, count) or [0] for count in counts]
    return pack(settings, nodes, memory, {probe.model: probe.footprint for probe in probes})
