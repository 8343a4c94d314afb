"""Micro-batches: what a step computes at a time where a whole batch does not fit into memory."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from train.config import TrialConfig
from train.data.augment.pair import MAX_PAIR_WIDTH_PX
from train.data.batching.batches import Indices, Widths, padded, split, worker_lines, worker_share
from train.data.dataset import Dataset
from train.engine import Batch, World
from train.engines import ENGINES
from train.errors import MemoryShortError
from train.tasks import Batches, Task


@dataclass(frozen=True)
class Step:
    """One worker's share of a batch.

    Attributes:
        batches: its micro-batches, at least one, computed one after the other.
        samples: of each; 0 for one that is there only because every worker has to take part.
    """

    batches: list[Batch]
    samples: list[int]


def count_parts(
    task: Task,
    config: TrialConfig,
    data: Dataset,
    batches: Sequence[Indices],
    micro_batches: int,
    workers: int = 1,
) -> list[int]:
    """Return in how many micro-batches each of `workers` computes its share of each batch (`share_parts`).

    All alike where widths are unknown.
    """
    if micro_batches == 1 or task.plain is None:
        return [micro_batches] * len(batches)
    widths = task.plain.needed_widths(data).astype(np.int32)
    if config.augmentation.concat > 0 and not config.fit_width:
        widths = np.maximum(widths, MAX_PAIR_WIDTH_PX)  # any line may be joined with others up to this
    return share_parts(padded(widths), batches, config.batch_size, micro_batches, workers)


def share_parts(
    widths: Widths, batches: Sequence[Indices], batch_size: int, micro_batches: int, workers: int = 1
) -> list[int]:
    """Return a number of micro-batches for each batch: all of them for the largest.

    Others have as many as it takes that none is larger than the largest batch's: more save no memory and take time.

    Args:
        widths: (N,) int, padded pixels of every line.
        batches: of these lines.
        batch_size: lines of a whole one; where their number varies, some have more.
        micro_batches: of a worker's share of the largest.
        workers: that share each batch.
    """
    mine = [(math.ceil(len(one) / workers), int(widths[one].max())) for one in batches]
    most = math.ceil(batch_size / (workers * micro_batches)) * int(widths.max())
    room_px = min(most, max(math.ceil(lines / micro_batches) * width for lines, width in mine))
    return [math.ceil(lines / max(1, room_px // width)) for lines, width in mine]


def prepared_steps(
    source: Batches, drawn: tuple[Dataset, list[Any]], epoch: int, world: World, parts: Sequence[int]
) -> Iterator[Step]:
    """Yield this worker's share of every batch in up to `parts` micro-batches, a number for each batch.

    The next batch is prepared while one is trained on. The gradients of the micro-batches add up to those of the whole
    batch: each weighs as much as it has samples. But live batch norms see the statistics of one micro-batch, and a
    detector's hard negatives are chosen within one.
    """
    data, batches = drawn

    def prepare(indices: Any, count: int) -> Step:
        cut = split(worker_lines(indices, world.rank, world.size), count)
        counted = len(worker_share(indices, world.rank, world.size)) > 0
        samples = [len(some) * counted for some in cut]
        made = (source.batch(data, some, epoch) for some in cut)
        shares = (count * world.size / len(indices) for count in samples)
        return Step([replace(batch, share=share) for batch, share in zip(made, shares, strict=True)], samples)

    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(prepare, batches[0], parts[0])
        for following, count in zip(batches[1:], parts[1:], strict=True):
            batch = upcoming.result()
            upcoming = pool.submit(prepare, following, count)
            yield batch
        yield upcoming.result()


def within_memory(config: TrialConfig, micro_batches: int, work: Callable[[], None]) -> None:
    """Do `work`; turn the framework's word for too little memory into MemoryShortError, and free what it held."""
    try:
        work()
        return
    except Exception as error:
        if not ENGINES.get(config.engine).ran_out(error):
            raise
        reason = str(error).strip().partition("\n")[0] or "no more memory"
    # Behind the handler, whose traceback would keep the engine, and with it the memory.
    ENGINES.get(config.engine).release()
    raise MemoryShortError(
        "a batch must fit into memory",
        f"batch_size={config.batch_size}{f' in {micro_batches} micro-batches' if micro_batches > 1 else ''}: {reason}",
        "lower batch_size and raise optimiser.accumulate by as much",
    )


def more_micro_batches(config: TrialConfig, micro_batches: int, workers: int) -> int | None:
    """Return in how many micro-batches to try again; None if each holds a single sample already."""
    samples = -(-config.batch_size // workers)
    return None if micro_batches >= samples else min(2 * micro_batches, samples)
