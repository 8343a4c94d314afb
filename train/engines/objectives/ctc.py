"""CTC (Graves et al., 2006): outputs (N, T, C) logits, targets N sequences of classes."""

from train.engines.objectives import OBJECTIVES, Objective
from train.engines.paddlepaddle import loss as paddle_loss
from train.engines.pytorch import loss as torch_loss

OBJECTIVES.register("ctc")(
    {
        "paddle": Objective(paddle_loss.ctc_loss, paddle_loss.softmax),
        "torch": Objective(torch_loss.ctc_loss, torch_loss.softmax),
    }
)
