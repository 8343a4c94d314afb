"""Every engine: its loss, its steps and its state."""

from itertools import groupby, product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.real_lines import RECOGNISERS, config
from train.data.charset import BLANK
from train.engine import Batch
from train.loop import TrainingData, assemble
from train.techniques import uniform

Array = npt.NDArray[np.float32]


def engine_for(name: str, data: TrainingData, **changes: Any) -> Any:
    engine: Any = assemble(config(engine=name, **changes), data.train)[0]
    engine.apply_plan(uniform(1.0))
    return engine


def step(engine: Any, batch: Batch, rate: float) -> dict[str, Array]:
    """Return what one step adds to every weight."""
    before = engine.weights()
    engine.train_step(batch, rate, update=True)
    after = engine.weights()
    return {name: after[name] - before[name] for name in before}


def log_probabilities(steps: int, classes: int) -> Array:
    logits = np.random.default_rng(0).standard_normal((1, steps, classes)).astype(np.float32)
    return np.asarray(logits - np.log(np.exp(logits).sum(-1, keepdims=True)), np.float32)


def likelihood_by_counting(scores: Array, target: list[int]) -> float:
    """Return the log-likelihood as the sum over every path that reads as `target`."""
    total = 0.0
    for path in product(range(scores.shape[2]), repeat=scores.shape[1]):
        if [c for c, _ in groupby(path) if c != BLANK] == target:
            total += float(np.exp(sum(scores[0, t, c] for t, c in enumerate(path))))
    return float(np.log(total))


def loss_of(name: str, scores: Array, targets: list[list[int]], smoothing: float) -> float:
    """Return an engine's loss of (N, T, C) logits."""
    return {"paddle": paddle_loss, "torch": torch_loss}[name](scores, targets, smoothing)


def paddle_loss(scores: Array, targets: list[list[int]], smoothing: float) -> float:
    import paddle

    from train.engines.paddlepaddle.loss import ctc_loss

    return float(ctc_loss(paddle.to_tensor(scores), targets, smoothing))


def torch_loss(scores: Array, targets: list[list[int]], smoothing: float) -> float:
    import torch

    from train.engines.pytorch.loss import ctc_loss

    return float(ctc_loss(torch.tensor(scores), targets, smoothing))


@pytest.mark.parametrize("target", [[1], [1, 2], [2, 2], [], [1, 2, 1]])
def test_the_loss_is_that_of_all_paths(name: str, target: list[int]) -> None:
    scores = log_probabilities(5, 3)
    expected = -likelihood_by_counting(scores, target)
    assert loss_of(name, scores, [target], 0.0) == pytest.approx(expected, rel=1e-4)


def test_a_label_that_does_not_fit_adds_no_loss(name: str) -> None:
    """Three of a kind need five steps, a blank between each two."""
    scores = log_probabilities(4, 3)
    fitting = loss_of(name, scores, [[1, 2]], 0.0)
    both = loss_of(name, np.concatenate([scores, scores]), [[1, 2], [1, 1, 1]], 0.0)
    assert both == pytest.approx(fitting / 2, rel=1e-4)


def test_the_loss_is_the_mean_over_lines_of_any_length(name: str) -> None:
    scores = np.concatenate([log_probabilities(5, 3)] * 3) * np.float32([[[1]], [[0.5]], [[2]]])
    targets = [[1, 2], [1], []]
    alone = [loss_of(name, scores[i : i + 1], [targets[i]], 0.0) for i in range(3)]
    assert loss_of(name, scores, targets, 0.0) == pytest.approx(np.mean(alone), rel=1e-5)


def test_smoothing_asks_for_doubt(name: str) -> None:
    sure = np.float32([[[9, 0, 0], [0, 9, 0], [9, 0, 0]]])
    unsure = sure * np.float32(0.1)
    plain, smooth = ([loss_of(name, x, [[1]], s) for x in (sure, unsure)] for s in (0.0, 0.5))
    assert plain[0] < plain[1]
    assert smooth[0] > smooth[1]
    uniform_part = float(np.log(np.exp(sure).sum(-1)).mean() - sure.mean())
    assert smooth[0] == pytest.approx(0.5 * plain[0] + 0.5 * 3 * uniform_part, rel=1e-5)


def test_a_step_follows_its_rate(name: str, data: TrainingData, batch: Batch) -> None:
    sgd = {"name": "sgd", "weight_decay": 0.0}
    slow, fast = (step(engine_for(name, data, optimiser=sgd), batch, rate) for rate in (1e-3, 2e-3))
    for weight in ("head.fc2.weight", "model.backbone.encoder.convolution.conv1.convolution.weight"):
        assert np.linalg.norm(fast[weight]) == pytest.approx(2 * np.linalg.norm(slow[weight]), rel=1e-2)


def test_the_gradient_is_bounded_by_its_norm(name: str, data: TrainingData, batch: Batch) -> None:
    """Nesterov's first step is 1.9 times the clipped gradient."""
    for clip in (1.0, 0.1):
        settings = {"name": "sgd", "weight_decay": 0.0, "clip_norm": clip}
        moved = step(engine_for(name, data, optimiser=settings), batch, 0.01)
        norm = np.sqrt(sum(float(np.square(change).sum()) for change in moved.values()))
        assert norm == pytest.approx(1.9 * 0.01 * clip, rel=0.02)


def test_adamw_decays_matrices_alone(name: str, data: TrainingData, batch: Batch) -> None:
    plain, decayed = (
        step(engine_for(name, data, optimiser={"weight_decay": decay}), batch, 1e-3) for decay in (0.0, 1.0)
    )
    differs = {name for name in plain if np.abs(plain[name] - decayed[name]).max() > 1e-5}
    assert "head.fc2.weight" in differs
    assert all(plain[name].ndim > 1 for name in differs)


def test_accumulated_gradients_wait_for_the_update(name: str, data: TrainingData, batch: Batch) -> None:
    engine = engine_for(name, data, optimiser={"accumulate": 2})
    before = engine.weights()
    engine.train_step(batch, 1e-3, update=False)
    assert all(np.array_equal(before[name], array) for name, array in engine.weights().items())
    engine.train_step(batch, 1e-3, update=True)
    assert not np.array_equal(before["head.fc2.weight"], engine.weights()["head.fc2.weight"])
    assert all(parameter.grad is None for parameter in engine._parameters.values())


def test_the_loss_of_a_repeated_batch_falls(name: str, data: TrainingData, batch: Batch) -> None:
    engine = engine_for(name, data)
    losses = [engine.train_step(batch, 1e-4, update=True) for _ in range(4)]
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("batch_norm", ["frozen", "live"])
def test_batch_norms_of_learning_groups_alone_are_live(
    name: str, batch_norm: str, data: TrainingData, batch: Batch
) -> None:
    engine = engine_for(name, data, batch_norm=batch_norm)
    engine.apply_plan(uniform(0.0) | {"neck": 1.0, "head": 1.0})
    training = training_layers(engine)
    engine.predict(batch.images)
    assert training == training_layers(engine)
    assert bool(training) == (batch_norm == "live")
    assert all(layer.startswith("head.") for layer in training)


def training_layers(engine: Any) -> set[str]:
    layer = engine._network.layer
    named = layer.named_sublayers() if hasattr(layer, "named_sublayers") else layer.named_modules()
    return {name for name, part in named if part.training}


def test_a_line_reads_the_same_in_any_batch(name: str, data: TrainingData, batch: Batch) -> None:
    engine = engine_for(name, data)
    together = engine.predict(batch.images)
    alone = np.concatenate([engine.predict(batch.images[i : i + 1]) for i in range(len(batch.images))])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("optimiser", ["adamw", "adam", "sgd"])
def test_a_state_brings_another_engine_to_the_same_next_step(
    name: str, optimiser: str, data: TrainingData, batch: Batch
) -> None:
    first, second = (engine_for(name, data, optimiser={"name": optimiser}) for _ in range(2))
    first.train_step(batch, 1e-3, update=True)
    state = first.state()
    assert set(state["weights"]) == set(second.state()["weights"])
    assert {key.split("|")[0] for key in state["optimiser"]} <= set(state["weights"])
    second.load(state)
    reloaded = second.state()
    assert reloaded["optimiser"].keys() == state["optimiser"].keys()
    losses = [engine.train_step(batch, 1e-3, update=True) for engine in (first, second)]
    assert losses[0] == losses[1]
    one, other = first.state(), second.state()
    for part in ("weights", "optimiser"):
        for key, array in one[part].items():
            np.testing.assert_array_equal(array, other[part][key], err_msg=key)


def test_a_state_is_a_copy(name: str, data: TrainingData, batch: Batch) -> None:
    """A checkpoint made before a step must not change with it."""
    engine = engine_for(name, data)
    state = engine.state()
    kept = {name: array.copy() for name, array in state["weights"].items()}
    engine.train_step(batch, 1e-2, update=True)
    assert all(np.array_equal(kept[name], state["weights"][name]) for name in kept)


def test_weights_do_not_depend_on_what_was_built_before(name: str, data: TrainingData) -> None:
    first, second = (engine_for(name, data).weights() for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_state_brings_the_other_framework_near_the_same_next_steps(
    name: str, optimiser: str, data: TrainingData, batch: Batch
) -> None:
    """Weights and momentum go on in the other framework; only rounding differs."""
    settings: dict[str, Any] = {"optimiser": {"name": optimiser}}
    [first_name] = {*RECOGNISERS} - {name}
    first, second, fresh = (engine_for(engine, data, **settings) for engine in (first_name, name, name))
    for _ in range(3):
        first.train_step(batch, 1e-4, update=True)
    state = first.state()
    second.load(state)
    fresh.load({"weights": state["weights"]})
    second.apply_plan(uniform(1.0))
    expected, found, forgetful = (step(engine, batch, 1e-4) for engine in (first, second, fresh))
    size = np.sqrt(sum(float(np.square(change).sum()) for change in expected.values()))
    apart, forgotten = (
        np.sqrt(sum(float(np.square(other[n] - change).sum()) for n, change in expected.items())) / size
        for other in (found, forgetful)
    )
    assert apart < 0.02
    assert forgotten > 5 * apart
