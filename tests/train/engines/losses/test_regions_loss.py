"""The detection loss: both frameworks compute what the formulas say, and learn from what counts alone."""

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from train.data.photos.targets import RegionTargets
from train.engines.regions_loss import regions_loss

Array = npt.NDArray[np.float32]
FRAMEWORKS = ("paddle", "torch")
SHAPE = (2, 24, 40)


def tensor(framework: str, array: Array) -> Any:
    """Return a tensor that gathers a gradient."""
    if framework == "torch":
        import torch

        return torch.tensor(array, requires_grad=True)
    import paddle

    return paddle.to_tensor(array, stop_gradient=False)


def loss_and_gradient(framework: str, outputs: Array, targets: dict[str, Array]) -> tuple[float, Array]:
    functional = importlib.import_module(f"{framework}.nn.functional")
    leaf = tensor(framework, outputs)
    stacked = np.stack([targets[name] for name in RegionTargets._fields], axis=1)
    loss = regions_loss(functional, leaf, tensor(framework, stacked))
    loss.backward()
    return float(loss), np.asarray(leaf.grad.numpy())


def random_case(seed: int, spread: float = 3.0) -> tuple[Array, dict[str, Array]]:
    rng = np.random.default_rng(seed)
    outputs = (spread * rng.standard_normal((SHAPE[0], 2, *SHAPE[1:]))).astype(np.float32)
    targets = {
        "shrink": (rng.random(SHAPE) < 0.1).astype(np.float32),
        "shrink_mask": (rng.random(SHAPE) < 0.9).astype(np.float32),
        "threshold": rng.uniform(0.3, 0.7, SHAPE).astype(np.float32),
        "threshold_mask": (rng.random(SHAPE) < 0.3).astype(np.float32),
    }
    return outputs, targets


def sigmoid(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 1 / (1 + np.exp(-values))


def formula(outputs: Array, targets: dict[str, Array]) -> float:
    """The loss as PaddleOCR's configuration and the paper have it, in float64 and pixel by pixel."""
    probability, threshold = sigmoid(outputs[:, 0].astype(float)), sigmoid(outputs[:, 1].astype(float))
    text, counted = targets["shrink"].astype(float), targets["shrink_mask"].astype(float)
    entropy = -(text * np.log(probability) + (1 - text) * np.log(1 - probability))
    positives = entropy[(text == 1) & (counted == 1)]
    negatives = np.sort(entropy[(text == 0) & (counted == 1)])[::-1][: 3 * len(positives)]
    balanced = (positives.sum() + negatives.sum()) / (len(positives) + len(negatives))
    binary = sigmoid(50 * (probability - threshold))
    dice = 1 - 2 * (binary * text * counted).sum() / ((binary * counted).sum() + (text * counted).sum())
    mask = targets["threshold_mask"].astype(float)
    difference = (np.abs(threshold - targets["threshold"]) * mask).sum() / mask.sum()
    return float(5 * balanced + dice + 10 * difference)


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_the_formula(framework: str, seed: int) -> None:
    outputs, targets = random_case(seed)
    loss, _ = loss_and_gradient(framework, outputs, targets)
    assert loss == pytest.approx(formula(outputs, targets), rel=1e-5)


@pytest.mark.parametrize("spread", [0.5, 3.0, 30.0])
def test_the_frameworks_agree_on_loss_and_gradient(spread: float) -> None:
    outputs, targets = random_case(7, spread)
    (one, first), (other, second) = (loss_and_gradient(f, outputs, targets) for f in FRAMEWORKS)
    assert one == pytest.approx(other, abs=1e-5 * max(1.0, one))
    assert np.abs(first - second).max() < 1e-5


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_logits_far_out_give_finite_losses_and_gradients(framework: str) -> None:
    """A sigmoid before the logarithm would give infinity here."""
    outputs, targets = random_case(1)
    outputs = np.where(outputs > 0, 200, -200).astype(np.float32)
    loss, gradient = loss_and_gradient(framework, outputs, targets)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_ignored_pixels_teach_nothing(framework: str) -> None:
    outputs, targets = random_case(2)
    targets["shrink_mask"][:, :, :20] = 0
    targets["threshold_mask"][:, :, :20] = 0
    changed = outputs.copy()
    changed[:, :, :, :20] += 5
    loss, gradient = loss_and_gradient(framework, outputs, targets)
    assert (gradient[:, :, :, :20] == 0).all()
    assert loss == pytest.approx(loss_and_gradient(framework, changed, targets)[0])


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_where_nothing_counts_nothing_is_learnt_of_text(framework: str) -> None:
    outputs, targets = random_case(3)
    targets["shrink_mask"][:], targets["threshold_mask"][:] = 0, 0
    loss, gradient = loss_and_gradient(framework, outputs, targets)
    assert np.isfinite(loss)
    assert not gradient.any()


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_hardest_three_negatives_a_positive_count(framework: str) -> None:
    """One pixel of text; the pixels that come closest to text are the three that learn."""
    outputs = np.zeros((1, 2, 4, 8), np.float32)
    outputs[0, 0] = -3 - np.arange(32).reshape(4, 8)
    outputs[0, 1] = 10.0  # the threshold is far away: the binary map is 0 and teaches nothing
    targets = {name: np.zeros((1, 4, 8), np.float32) for name in ("shrink", "threshold", "threshold_mask")}
    targets["shrink_mask"] = np.ones((1, 4, 8), np.float32)
    targets["shrink"][0, 3, 7] = 1
    _, gradient = loss_and_gradient(framework, outputs, targets)
    assert set(np.flatnonzero(np.abs(gradient[0, 0]) > 1e-6).tolist()) == {0, 1, 2, 31}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_photos_without_text_teach_that_there_is_none(framework: str) -> None:
    outputs, targets = random_case(3)
    nothing = targets | {name: np.zeros(SHAPE, np.float32) for name in ("shrink", "threshold_mask")}
    loss, gradient = loss_and_gradient(framework, outputs, nothing)
    assert np.isfinite(loss)
    assert 0 < (np.abs(gradient[:, 0]) > 1e-5).sum() <= 2 * 100
    assert (gradient[:, 0].sum()) > 0
