"""Cross-entropy: outputs (N, C) logits, targets N classes."""

from train.engines import paddle_loss, torch_loss
from train.engines.objectives import OBJECTIVES, Objective

OBJECTIVES.register("classes")(
    {
        "paddle": Objective(paddle_loss.class_loss, paddle_loss.softmax),
        "torch": Objective(torch_loss.class_loss, torch_loss.softmax),
    }
)
