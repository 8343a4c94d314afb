"""The validation loss: CTC in numpy against torch's."""

import numpy as np
import numpy.typing as npt
import pytest

from train.scoring.ctc import ctc_losses

STEPS, CLASSES = 9, 6
TARGETS = [[1, 2, 3], [4, 4, 4], [5], [], [1, 2, 1, 2, 1, 2, 1, 2, 1], [3, 3, 3, 3, 3]]


def probabilities(seed: int = 0) -> npt.NDArray[np.float32]:
    logits = 2 * np.random.default_rng(seed).standard_normal((len(TARGETS), STEPS, CLASSES))
    scores = np.exp(logits)
    return np.asarray(scores / scores.sum(-1, keepdims=True), np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_losses_are_torchs(seed: int) -> None:
    import torch

    output = probabilities(seed)
    expected = torch.nn.functional.ctc_loss(
        torch.tensor(output).log().transpose(0, 1).double(),
        torch.tensor([c for target in TARGETS for c in target]),
        torch.full((len(TARGETS),), STEPS),
        torch.tensor([len(target) for target in TARGETS]),
        reduction="none",
    ).numpy()
    assert ctc_losses(output, TARGETS) == pytest.approx(expected, rel=1e-5)


def test_a_target_that_needs_more_steps_is_infinite() -> None:
    output = probabilities()[:2, :4]
    losses = ctc_losses(output, [[1, 2, 3, 4], [1, 1, 1]])
    assert np.isfinite(losses).tolist() == [True, False]


def test_a_certain_reading_costs_nothing_and_a_wrong_one_a_finite_lot() -> None:
    sure = np.zeros((2, 3, CLASSES), np.float32)
    sure[:, [0, 1, 2], [1, 0, 2]] = 1
    right, wrong = ctc_losses(sure, [[1, 2], [2, 1]])
    assert right == pytest.approx(0)
    assert 50 < wrong < 1000
