"""Which lines form a batch: others in every epoch, of about one width, in an order that only seed and epoch decide."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, repeat

import numpy as np
import numpy.typing as npt

from train.data import images

Indices = npt.NDArray[np.int64]
Widths = npt.NDArray[np.int32]
POOL_BATCHES = 8
NOISE = 0.1
"""By how much of its width a line may be taken for narrower or wider: more mixes better, and pads more."""
EVALUATION_BATCH = 32
USUAL_PX = 640
"""Evaluation batches of lines padded to more than this have fewer of them: they would take gigabytes."""


def training_batches(widths: Widths, batch_size: int, seed: int, epoch: int) -> list[Indices]:
    """Return one epoch's batches: every line once.

    Args:
        widths: (N,) int32, pixels.
        batch_size: the most lines in a batch, over all workers; their numbers differ by one at most.
        seed: of the run.
        epoch: counted from 1.
    """
    rng = np.random.default_rng((seed, epoch))
    batches = cut_batches(widths, lower_sizes(take_sizes(repeat(batch_size), len(widths)), len(widths)), rng)
    return [batches[i] for i in rng.permutation(len(batches))]


def take_sizes(sizes: Iterable[int], lines: int) -> list[int]:
    """Return as many of the batch sizes as it takes to hold `lines` lines."""
    found, held = [], 0
    for size in sizes:
        if held >= lines:
            break
        found.append(size)
        held += size
    return found


def lower_sizes(sizes: Sequence[int], lines: int) -> list[int]:
    """Return the batch sizes, all lowered alike so that they add up to `lines`; none under 1.

    A last batch of what is left over would be a few lines that weigh as much as a whole batch.
    """
    spare = np.cumsum(np.asarray(sizes, np.int64) - 1)
    share = (lines - len(sizes)) / max(1, sum(sizes) - len(sizes))
    ends = np.floor(spare * share + 0.5).astype(np.int64)
    kept: list[int] = (1 + np.diff(ends, prepend=0)).tolist()
    return kept


def cut_batches(widths: Widths, sizes: Sequence[int], rng: np.random.Generator) -> list[Indices]:
    """Return batches of these sizes, which hold every line once, those of about one width one behind the other.

    Lines are shuffled and ordered by width (`roughly_by_width`) within pools of about POOL_BATCHES batches.
    """
    order, ends = rng.permutation(len(widths)), np.cumsum([0, *sizes])
    pools = max(1, round(len(sizes) / POOL_BATCHES))
    batches: list[Indices] = []
    for first, after in pairwise(len(sizes) * pool // pools for pool in range(pools + 1)):
        lines = order[ends[first] : ends[after]]
        lines = lines[roughly_by_width(widths[lines], rng)]
        batches += np.split(lines, ends[first + 1 : after] - ends[first])
    return batches if sizes else []


def roughly_by_width(widths: Widths, rng: np.random.Generator) -> Indices:
    """Return the order of lines from narrow to wide.

    Widths that are padded to the same are equal, equal ones stay as they come, and each is taken for up to NOISE
    narrower or wider: with strict order, a small set would have nearly the same batches in every epoch.
    """
    return np.argsort(padded(widths) * (1 + rng.uniform(-NOISE, NOISE, len(widths))), kind="stable")


def padded(widths: Widths) -> Widths:
    """Return the width that each line is padded to alone (`images.bucket_width`)."""
    return np.maximum(images.MIN_WIDTH_PX, -(-widths // images.BUCKET_PX) * images.BUCKET_PX)


def evaluation_batches(widths: Widths, batch_size: int) -> Iterator[tuple[int, Indices]]:
    """Yield (bucket width, indices): only lines of one bucket share a batch, so none changes another's text.

    A batch has up to `batch_size` lines, fewer where they are long.
    """
    buckets = padded(widths)
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
