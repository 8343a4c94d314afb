"""CTC (Graves et al., 2006): outputs (N, T, C) logits, targets N sequences of classes."""

from train.engines import paddle_loss, torch_loss
from train.engines.objectives import OBJECTIVES, Objective

OBJECTIVES.register("ctc")(
    {
        "paddle": Objective(paddle_loss.ctc_loss, paddle_loss.softmax),
        "torch": Objective(torch_loss.ctc_loss, torch_loss.softmax),
    }
)
