"""Which lines form a batch: batches of similar widths, in an order that only seed and epoch decide."""

from collections.abc import Iterator
from itertools import islice, repeat

import numpy as np
import numpy.typing as npt

from train.data import images

Indices = npt.NDArray[np.int64]
Widths = npt.NDArray[np.int32]
POOL_BATCHES = 8
EVALUATION_BATCH = 32
USUAL_PX = 640
"""Evaluation batches of lines padded to more than this have fewer of them: they would take gigabytes."""


def training_batches(widths: Widths, batch_size: int, seed: int, epoch: int) -> list[Indices]:
    """Return one epoch's batches: every line once.

    Args:
        widths: (N,) int32, pixels.
        batch_size: lines in a batch, over all workers; the last batch may be smaller.
        seed: of the run.
        epoch: counted from 1.
    """
    rng = np.random.default_rng((seed, epoch))
    batches = cut_batches(widths, repeat(batch_size), rng)
    return [batches[i] for i in rng.permutation(len(batches))]


def cut_batches(widths: Widths, sizes: Iterator[int], rng: np.random.Generator) -> list[Indices]:
    """Return batches of these sizes that hold every line once, those of similar width one behind the other.

    Lines are shuffled and sorted by width within pools of POOL_BATCHES batches, so that little padding is
    computed. The last batch may be smaller than its size.
    """
    order = rng.permutation(len(widths))
    batches: list[Indices] = []
    while len(order):
        ends = np.cumsum(list(islice(sizes, POOL_BATCHES)))
        pool, order = order[: ends[-1]], order[ends[-1] :]
        pool = pool[np.argsort(widths[pool], kind="stable")]
        batches += [part for part in np.split(pool, ends[:-1]) if len(part)]
    return batches


def evaluation_batches(widths: Widths, batch_size: int) -> Iterator[tuple[int, Indices]]:
    """Yield (bucket width, indices): only lines of one bucket share a batch, so none changes another's text.

    A batch has up to `batch_size` lines, fewer where they are long.
    """
    buckets = np.array([images.bucket_width(int(width)) for width in widths])
    for bucket in np.unique(buckets):
        members = np.flatnonzero(buckets == bucket)
        size = max(1, min(batch_size, batch_size * USUAL_PX // int(bucket)))
        for start in range(0, len(members), size):
            yield int(bucket), members[start : start + size]


def worker_lines(indices: Indices, rank: int, workers: int) -> Indices:
    """Return `worker_share`; where that is empty one line, which the worker repeats at no weight."""
    mine = worker_share(indices, rank, workers)
    return mine if len(mine) else indices[:1]


def worker_share(indices: Indices, rank: int, workers: int) -> Indices:
    """Return the part of a batch that worker `rank` of `workers` computes: every line once over all workers."""
    return indices[rank::workers]


def split(indices: Indices, count: int) -> list[Indices]:
    """Return indices in up to `count` parts of about one size, none empty."""
    return [part for part in np.array_split(indices, count) if len(part)]
