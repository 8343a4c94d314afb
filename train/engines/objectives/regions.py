"""DBNet's loss (Liao et al., 2020): outputs (N, 2, H, W) logits, targets (N, 4, H, W) maps; read are (N, 1, H, W)."""

from train.engines.objectives import OBJECTIVES, Objective
from train.engines.paddlepaddle import loss as paddle_loss
from train.engines.pytorch import loss as torch_loss
from train.engines.regions_loss import probabilities

OBJECTIVES.register("regions")(
    {
        "paddle": Objective(paddle_loss.maps_loss, probabilities),
        "torch": Objective(torch_loss.maps_loss, probabilities),
    }
)
