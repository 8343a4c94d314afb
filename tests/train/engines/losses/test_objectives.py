"""Objectives: the same losses and probabilities in every framework, as counted by hand."""

import numpy as np
import pytest

from train.engines import ENGINES
from train.engines.objectives import OBJECTIVES, map_tensors
from train.tasks import TASKS

LOGITS = np.array([[2.0, -1.0], [0.5, 0.25], [-3.0, 3.0]], np.float32)
CLASSES = [0, 1, 1]


def tensor_of(framework: str, array: np.ndarray) -> object:
    if framework == "paddle":
        import paddle

        return paddle.to_tensor(array)
    import torch

    return torch.tensor(array)


def log_softmax(values: np.ndarray) -> np.ndarray:
    shifted = values - values.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


@pytest.mark.parametrize("framework", ["paddle", "torch"])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_the_cross_entropy_is_the_one_of_the_books(framework: str, smoothing: float) -> None:
    found = OBJECTIVES.get("classes")[framework].loss(tensor_of(framework, LOGITS), CLASSES, smoothing)
    scores = log_softmax(LOGITS)
    target = np.full_like(LOGITS, smoothing / 2)
    target[np.arange(3), CLASSES] += 1 - smoothing
    assert float(found) == pytest.approx(float(-(target * scores).sum(1).mean()), rel=1e-6)


@pytest.mark.parametrize("framework", ["paddle", "torch"])
@pytest.mark.parametrize("name", ["classes", "ctc"])
def test_what_is_read_are_probabilities(name: str, framework: str) -> None:
    found = OBJECTIVES.get(name)[framework].read(tensor_of(framework, LOGITS))
    np.testing.assert_allclose(found.numpy(), np.exp(log_softmax(LOGITS)), rtol=1e-6)


def test_engines_train_what_is_written_for_their_framework() -> None:
    for engine in ("paddle", "torch"):
        assert {"ctc", "classes"} <= set(ENGINES.get(engine).objectives())
    assert ENGINES.get("torch-language").objectives() == (TASKS.get("transcription").objective,)


def test_outputs_of_several_tensors_are_changed_one_by_one() -> None:
    assert map_tensors({"a": (1, [2, 3]), "b": 4}, lambda part: 10 * part) == {"a": (10, (20, 30)), "b": 40}


def test_detection_has_one_loss_for_stacked_maps_in_every_framework() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (2, 2, 8, 12)).astype(np.float32)
    targets = (rng.random((2, 4, 8, 12)) < 0.4).astype(np.float32)
    found = {
        name: float(side.loss(tensor_of(name, logits), targets, 0.0))
        for name, side in OBJECTIVES.get("regions").items()
    }
    assert found["paddle"] == pytest.approx(found["torch"], rel=1e-5)
    other = targets.copy()
    other[:, 3] = 0  # no threshold is learnt anywhere
    less = float(OBJECTIVES.get("regions")["torch"].loss(tensor_of("torch", logits), other, 0.0))
    assert less < found["torch"]
    maps = OBJECTIVES.get("regions")["paddle"].read(tensor_of("paddle", logits[:, :1]))
    np.testing.assert_allclose(maps.numpy(), 1 / (1 + np.exp(-logits[:, :1])), rtol=1e-5)
