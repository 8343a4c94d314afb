"""Dropout in a network's neck (Srivastava et al., 2014), which the wheels' networks have switched off."""

from collections.abc import Mapping

import numpy as np

from train.config import TrialConfig
from train.errors import UsageError
from train.models import Model
from train.models.network import Network

DRAWN = 4  # the part of the seed that is for dropout alone


def set_dropout(config: TrialConfig, network: Network, model: Model) -> frozenset[str]:
    """Give the layers of the neck's dropout the configured share, and return their names; none without dropout.

    Raises UsageError for a network that has no such layer.
    """
    if not config.dropout:
        return frozenset()
    found = {name: layer for name, layer in network.sublayers().items() if type(layer).__name__ == "Dropout"}
    mine = {name: layer for name, layer in found.items() if model.group(name) == "neck"}
    if not mine:
        raise UsageError(
            "dropout needs a network whose neck has some",
            f"{config.model}, dropout={config.dropout:g}",
            "set dropout: 0",
        )
    for layer in mine.values():
        layer.p = config.dropout
    return frozenset(mine)


def drops(layer: str, dropouts: frozenset[str], plan: Mapping[str, float]) -> bool:
    """Whether a layer drops activations under a technique's plan: its neck learns."""
    return layer in dropouts and plan["neck"] > 0


def epoch_seed(config: TrialConfig, epoch: int, rank: int) -> int:
    """Return what one worker draws an epoch's dropout with."""
    return int(np.random.default_rng((config.seed, epoch, rank, DRAWN)).integers(2**31))
