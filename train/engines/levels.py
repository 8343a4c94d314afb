"""Layer-wise learning-rate decay: the further a block of layers is from the output, the slower it learns.

Used for fine-tuning by ULMFiT (Howard and Ruder, 2018), ELECTRA (Clark et al., 2020) and BEiT (Bao et al., 2022).
The rate of a block at level n is `optimiser.layer_decay ** n` times what the technique gives its group.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from train.data.images import HEIGHT_PX, MIN_WIDTH_PX
from train.engine import GROUPS
from train.models.network import Network

LINE_PX = (HEIGHT_PX, MIN_WIDTH_PX)


@dataclass(frozen=True)
class GroupShare:
    """Where a parameter stands: its layer group, and the share of the group's rate that its level gets."""

    group: str
    share: float


def group_shares(
    network: Network, groups: Mapping[str, str], decay: float, example_px: tuple[int, int] = LINE_PX
) -> dict[str, GroupShare]:
    """Return the place of every array of a network.

    Args:
        network: in eval mode; one blank image is run through it if there is something to decay.
        groups: the layer group of every array.
        decay: of the rate from level to level, in (0, 1].
        example_px: height and width of an image that the network takes.
    """
    found = levels(network, groups, example_px) if decay < 1 else {}
    return {name: GroupShare(group, decay ** found.get(name, 0)) for name, group in groups.items()}


def levels(
    network: Network, groups: Mapping[str, str], example_px: tuple[int, int] = LINE_PX
) -> dict[str, int]:
    """Return how many blocks lie between each parameter's and the output; 0 for the head.

    A block is what `block_of` cuts out of the names of one layer group. Blocks stand in the order in which a forward
    pass first reaches them, group by group, so that no group overtakes one that is nearer to the output.
    """
    blank = np.zeros((1, 3, *example_px), np.float32)
    order = network.execution_order(lambda: network.logits(network.tensor(blank)))
    reached = {layer.name: place for place, layer in reversed(list(enumerate(order)))}
    blocks = {name: (GROUPS.index(groups[name]), block_of(name)) for name in network.parameters()}
    first: dict[tuple[int, str], int] = {}
    for name, key in blocks.items():
        place = reached.get(name.rpartition(".")[0], len(order))
        first[key] = min(first.get(key, place), place)
    last_first = sorted(first, key=lambda key: (key[0], first[key]), reverse=True)
    return {name: last_first.index(key) for name, key in blocks.items()}


def block_of(name: str) -> str:
    """Return the block of a parameter: its name up to the second number in it, or to the only one.

    Networks number their stages and the blocks in them; a third number counts the layers of one block. Layers
    without a number (a stem, a pooling head) are one block: the empty name.
    """
    parts = name.split(".")
    numbers = [place for place, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[: numbers[:2][-1] + 1]) if numbers else ""
