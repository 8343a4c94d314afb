"""Cross-entropy: outputs (N, C) logits, targets N classes."""

from train.engines.objectives import OBJECTIVES, Objective
from train.engines.paddlepaddle import loss as paddle_loss
from train.engines.pytorch import loss as torch_loss

OBJECTIVES.register("classes")(
    {
        "paddle": Objective(paddle_loss.class_loss, paddle_loss.softmax),
        "torch": Objective(torch_loss.class_loss, torch_loss.softmax),
    }
)
