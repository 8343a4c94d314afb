"""Dictionary surgery on a linear layer."""

import logging
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from train.data.charset import Charset
from train.engines.head import Head, fit_head
from train.models.network import Network
from train.models.paddle_network import PaddleNetwork
from train.models.torch_network import TorchNetwork

KNOWN = Charset(("A", "B", "C", " "))


@pytest.fixture(params=["paddle", "torch"], autouse=True)
def framework(request: pytest.FixtureRequest) -> Any:
    return request.param


def linear(framework: str, classes: int) -> Network:
    """A network of a layer whose class i has the weights (i, 10 i, 100 i) and the bias i."""
    network = {"paddle": paddle_linear, "torch": torch_linear}[framework](classes)
    rows = np.outer([1, 10, 100], np.arange(classes)).astype(np.float32)
    network.assign({"0.weight": rows, "0.bias": np.arange(classes, dtype=np.float32)})
    return network


def paddle_linear(classes: int) -> Network:
    import paddle

    return PaddleNetwork(paddle.nn.Sequential(paddle.nn.Linear(3, classes)), lambda layer, x: layer(x))


def torch_linear(classes: int) -> Network:
    import torch

    return TorchNetwork(torch.nn.Sequential(torch.nn.Linear(3, classes)), lambda layer, x: layer(x))


def fitted(framework: str, wanted: Charset, seed: int = 0) -> Any:
    network = linear(framework, KNOWN.classes)
    fit_head(network, "0", KNOWN, wanted, seed)
    arrays = network.arrays()
    return SimpleNamespace(network=network, weight=arrays["0.weight"], bias=arrays["0.bias"])


def test_known_characters_keep_their_rows_wherever_they_go(framework: str) -> None:
    head = fitted(framework, Charset(("C", "A", " ")))
    assert head.weight[0].tolist() == [0, 3, 1, 4]
    assert head.weight[2].tolist() == [0, 300, 100, 400]
    assert head.bias.tolist() == [0, 3, 1, 4]


def test_the_same_charset_changes_nothing(framework: str) -> None:
    network = linear(framework, KNOWN.classes)
    parameters = network.parameters()
    fit_head(network, "0", KNOWN, Charset(KNOWN.characters), 0)
    assert all(network.parameters()[name] is parameter for name, parameter in parameters.items())


def test_a_new_character_starts_near_the_mean_and_is_named(
    framework: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        head = fitted(framework, Charset(("A", "\u2603", " ")))
    assert "1 characters are new to the model and start untrained: \u2603" in caplog.text
    assert head.bias[2] == pytest.approx(2.5)
    assert np.abs(head.weight[:, 2] / [1, 10, 100] - 2.5).max() < 0.1 * np.std([1, 2, 3, 4]) * 4
    assert head.weight[0].tolist()[:2] == [0, 1]


@pytest.mark.parametrize("alike", [True, False])
def test_a_lost_character_comes_back_from_a_head_that_is_alike(
    alike: bool, framework: str, caplog: pytest.LogCaptureFixture
) -> None:
    network, wanted = linear(framework, KNOWN.classes), Charset(("A", "D", "x"))
    sign = 1.0 if alike else -1.0
    rows = sign * np.outer([1, 10, 100], [0, 9, 8, 7]).astype(np.float32)
    origin = Head(rows, np.array([0, 9, 8, 7], np.float32), Charset(("D", "A", "C")))
    with caplog.at_level(logging.WARNING):
        fit_head(network, "0", KNOWN, wanted, 0, lambda: origin)
    arrays = network.arrays()
    assert arrays["0.weight"][0, :2].tolist() == [0, 1], "what is known stays"
    assert (arrays["0.weight"][:, 2].tolist() == [9, 90, 900]) is alike
    assert (float(arrays["0.bias"][2]) == 9) is alike
    untrained = "1 characters are new" if alike else "2 characters are new"
    assert untrained in caplog.text


def test_known_characters_are_not_called_new(framework: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        fitted(framework, Charset(("A",)))
    assert not caplog.records


def test_the_seed_decides_new_rows(framework: str) -> None:
    wanted = Charset(("A", "x", "y"))
    one, same, other = (
        fitted(framework, wanted, 1).weight,
        fitted(framework, wanted, 1).weight,
        fitted(framework, wanted, 2).weight,
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[:, 2], one[:, 3]), "two new characters must not start alike"


def test_the_layer_computes_the_new_classes_and_can_train(framework: str) -> None:
    network = fitted(framework, Charset(("B", " "))).network
    output = network.logits(network.tensor(np.ones((1, 3), np.float32)))
    assert output.tolist() == [[0, 224, 448]]
    output.sum().backward()
    assert list(network.parameters()) == ["0.weight", "0.bias"]
    assert network.parameters()["0.weight"].grad is not None
