"""Dictionary surgery on a linear layer."""

import logging
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from train.data.charset import Charset
from train.engines.paddle_head import fit_head

KNOWN = Charset(("A", "B", "C", " "))


def linear(classes: int) -> Any:
    """A layer whose class i has the weights (i, 10 i, 100 i) and the bias i."""
    import paddle

    layer = paddle.nn.Linear(3, classes)
    rows = np.outer([1, 10, 100], np.arange(classes)).astype(np.float32)
    layer.weight.set_value(rows)
    layer.bias.set_value(np.arange(classes, dtype=np.float32))
    return layer


def fitted(wanted: Charset, seed: int = 0) -> Any:
    head = linear(KNOWN.classes)
    fit_head(head, KNOWN, wanted, seed)
    return SimpleNamespace(layer=head, weight=head.weight.numpy(), bias=head.bias.numpy())


def test_known_characters_keep_their_rows_wherever_they_go() -> None:
    head = fitted(Charset(("C", "A", " ")))
    assert head.weight[0].tolist() == [0, 3, 1, 4]
    assert head.weight[2].tolist() == [0, 300, 100, 400]
    assert head.bias.tolist() == [0, 3, 1, 4]


def test_the_same_charset_changes_nothing() -> None:
    head = linear(KNOWN.classes)
    weight = head.weight
    fit_head(head, KNOWN, Charset(KNOWN.characters), 0)
    assert head.weight is weight


def test_a_new_character_starts_near_the_mean_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        head = fitted(Charset(("A", "\u2603", " ")))
    assert "1 characters are new to the model and start untrained: \u2603" in caplog.text
    assert head.bias[2] == pytest.approx(2.5)
    assert np.abs(head.weight[:, 2] / [1, 10, 100] - 2.5).max() < 0.1 * np.std([1, 2, 3, 4]) * 4
    assert head.weight[0].tolist()[:2] == [0, 1]


def test_known_characters_are_not_called_new(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        fitted(Charset(("A",)))
    assert not caplog.records


def test_the_seed_decides_new_rows() -> None:
    wanted = Charset(("A", "x", "y"))
    one, same, other = fitted(wanted, 1).weight, fitted(wanted, 1).weight, fitted(wanted, 2).weight
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[:, 2], one[:, 3]), "two new characters must not start alike"


def test_the_layer_computes_the_new_classes_and_can_train() -> None:
    import paddle

    head = fitted(Charset(("B", " "))).layer
    output = head(paddle.ones([1, 3]))
    assert output.numpy().tolist() == [[0, 224, 448]]
    output.sum().backward()
    names = [name for name, _ in head.named_parameters()]
    assert names == ["weight", "bias"]
    assert head.weight.grad is not None
