"""What one epoch of a configuration trains on: its lines and their batches, the same on every worker."""

from collections.abc import Sequence

from train.config import TrialConfig
from train.data.batching.batches import Indices
from train.data.batching.mixture import Extra, Mixture, mixed_batches
from train.data.batching.multi_scale import Stretched, batch_sizes
from train.data.dataset import Dataset


def epoch_lines(
    config: TrialConfig, first: Dataset, extras: Sequence[Extra], epoch: int
) -> tuple[Dataset, list[Indices]]:
    """Return the lines of epoch `epoch` (counted from 1) and its batches, as indices into them.

    Args:
        config: batch size, multi-scale and seed.
        first: the training lines; each comes once.
        extras: further sets, of which every batch has a share.
    """
    sets = [first, *(extra.lines for extra in extras)]
    sizes = batch_sizes(config.batch_size, config.multi_scale, config.seed, epoch)
    shares = [extra.share for extra in extras]
    batches = mixed_batches([part.widths for part in sets], shares, sizes, config.seed, epoch)
    lines = Mixture(sets) if extras else first
    if config.multi_scale:
        lines = Stretched(lines, batches, config.batch_size, config.multi_scale)
    return lines, batches
