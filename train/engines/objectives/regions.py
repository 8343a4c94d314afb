"""DBNet's loss (Liao et al., 2020): outputs (N, 2, H, W) logits, targets (N, 4, H, W) maps; read are (N, 1, H, W)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from train.data.region_targets import RegionTargets
from train.engines.objectives import OBJECTIVES, Objective
from train.engines.regions_loss import probabilities, regions_loss

Maps = npt.NDArray[np.float32]


def _by_name(maps: Any) -> dict[str, Any]:
    return {name: maps[:, i] for i, name in enumerate(RegionTargets._fields)}


def _paddle_loss(outputs: Any, targets: Maps, smoothing: float) -> Any:
    """Return the loss; maps have no labels to smooth."""
    import paddle
    from paddle.nn import functional

    return regions_loss(functional, outputs, _by_name(paddle.to_tensor(targets)))


def _torch_loss(outputs: Any, targets: Maps, smoothing: float) -> Any:
    """Return the loss; maps have no labels to smooth."""
    import torch
    from torch.nn import functional

    return regions_loss(functional, outputs, _by_name(torch.from_numpy(targets).to(outputs.device)))


OBJECTIVES.register("regions")(
    {
        "paddle": Objective(_paddle_loss, probabilities),
        "torch": Objective(_torch_loss, probabilities),
    }
)
