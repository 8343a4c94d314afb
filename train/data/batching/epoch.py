"""What one epoch of a configuration trains on: its lines and their batches, the same on every worker."""

import math
from collections.abc import Sequence
from itertools import chain, repeat

import numpy as np

from train.config import TrialConfig
from train.data.batching.batches import Indices
from train.data.batching.mixture import Extra, Mixture, mixed_batches
from train.data.batching.multi_scale import Stretched, batch_sizes
from train.data.dataset import Dataset


def epoch_lines(
    config: TrialConfig, first: Dataset, extras: Sequence[Extra], epoch: int, *, one_width: bool = False
) -> tuple[Dataset, list[Indices]]:
    """Return the lines of epoch `epoch` (counted from 1) and its batches, as indices into them.

    Args:
        config: batch size, multi-scale and seed.
        first: the training lines; each comes once, or in a part of the batches where an epoch sees a share of them.
        extras: further sets, of which every batch has a share.
        one_width: whether a batch is as wide whatever it holds, as it is at a fixed width: then chance alone mixes it.
    """
    first = first.at(epoch)
    sets = [first, *(extra.lines for extra in extras)]
    one_width = one_width or config.fit_width > 0
    widths = [np.zeros_like(part.widths) if one_width else part.widths for part in sets]
    sizes = batch_sizes(config.batch_size, config.multi_scale, config.seed, epoch)
    shares = [extra.share for extra in extras]
    batches, copies = mixed_batches(widths, shares, sizes, config.seed, epoch)
    batches = batches[: math.ceil(config.epoch_share * len(batches))]
    copied = chain.from_iterable(repeat(part, copy) for part, copy in zip(sets[1:], copies, strict=True))
    lines = Mixture([first, *copied]) if extras else first
    if config.multi_scale:
        lines = Stretched(lines, batches, config.multi_scale)
    return lines, batches
