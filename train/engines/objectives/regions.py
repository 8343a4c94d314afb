"""DBNet's loss (Liao et al., 2020): outputs (N, 2, H, W) logits, targets (N, 4, H, W) maps; read are (N, 1, H, W)."""

from train.engines import paddle_regions_loss, torch_regions_loss
from train.engines.objectives import OBJECTIVES, Objective

OBJECTIVES.register("regions")(
    {
        "paddle": Objective(paddle_regions_loss.maps_loss, paddle_regions_loss.probabilities),
        "torch": Objective(torch_regions_loss.maps_loss, torch_regions_loss.probabilities),
    }
)
