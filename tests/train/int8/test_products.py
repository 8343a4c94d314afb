"""Products in 8 bits: which there are, what they compute, which are left out."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from train.int8.choosing import list_product_sets
from train.int8.convert import convert
from train.int8.graph import Array, list_products, load_graph, open_model
from train.int8.mixed_graphs import write_mixed_graphs
from train.int8.ranges import InputSample, measure_inputs
from train.int8.rounding import round_product

CHANNELS = 24


@pytest.fixture
def model() -> onnx.ModelProto:
    """A convolution over pixels, one of a pixel, one in steps, and a matrix behind them, with unequal channels."""
    rng = np.random.default_rng(0)
    shapes = {
        "wide": (CHANNELS, 3, 3, 3),
        "point": (CHANNELS, CHANNELS, 1, 1),
        "steps": (CHANNELS, CHANNELS, 1, 1),
    }
    arrays = {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    arrays |= {"bias": rng.normal(0, 1, CHANNELS).astype(np.float32)}
    arrays |= {"matrix": rng.normal(0, 0.3, (CHANNELS, 7)).astype(np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "wide", "bias"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "point", "bias"], ["c"]),
        helper.make_node("Conv", ["c", "steps"], ["d"], strides=[2, 2]),
        helper.make_node("Transpose", ["d"], ["e"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["e", "matrix"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 8, "w"])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", None, None, None])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def lines(count: int, seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.normal(0, 1, (1, 3, 8, 16)).astype(np.float32) for _ in range(count)]


def outputs(model: onnx.ModelProto, batches: list[Array]) -> Array:
    session = open_model(model)
    return np.concatenate([session.run(None, {"x": batch})[0] for batch in batches])


def test_a_graph_in_8_bits_computes_nearly_the_same_with_integer_products(model: onnx.ModelProto) -> None:
    products = list_products(model)
    assert [one.name for one in products] == ["point", "matrix"]
    seen = measure_inputs(model, products, lines(16, 1))
    small = convert(model, products, {one.name: round_product(one, seen[one.name]) for one in products})
    onnx.checker.check_model(small)
    assert {"point", "matrix"} & {one.name for one in small.graph.initializer} == set()
    fresh = lines(4, 2)
    exact = outputs(model, fresh)
    assert (outputs(small, fresh) - exact).std() < 0.02 * exact.std()


def test_weights_make_up_for_each_others_rounding(model: onnx.ModelProto) -> None:
    """Against rounding each to the nearest, on inputs of which some go together, as in a network."""
    product = list_products(model)[0]
    assert product.bias is not None
    rng = np.random.default_rng(3)
    rows = np.maximum(rng.normal(0, 1, (800, 4)) @ rng.normal(0, 1, (4, CHANNELS)), 0).astype(np.float32)
    found = round_product(product, InputSample(10, rows[:400]))
    came = np.clip(np.rint(rows[400:] / found.scale), 0, 255) * found.scale
    scales = np.abs(product.weights).max(axis=0) / 127
    nearest = np.rint(product.weights / scales) * scales
    wanted = rows[400:] @ product.weights + product.bias
    assert found.bias is not None
    ours = np.square(came @ (found.weights * found.scales) + found.bias - wanted).mean()
    assert ours < 0.9 * np.square(came @ nearest + product.bias - wanted).mean()


def test_what_comes_to_a_single_position_is_left_as_it_is(model: onnx.ModelProto, tmp_path: Path) -> None:
    del model.graph.node[2:]
    model.graph.node.extend(
        [
            helper.make_node("GlobalAveragePool", ["b"], ["mean"]),
            helper.make_node("Conv", ["mean", "point"], ["y"]),
        ]
    )
    onnx.save(model, tmp_path / "squeeze.onnx")
    assert [*write_mixed_graphs(tmp_path / "squeeze.onnx", tmp_path / "out.onnx", lines(2, 4))] == []


def test_an_older_graph_asks_for_what_is_fed_alone_and_may_have_nothing_for_8_bits(tmp_path: Path) -> None:
    shape = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 8, 8]) for name in "xy"]
    nodes = [
        helper.make_node("Slice", ["x"], ["a"], axes=[2], starts=[0], ends=[8]),
        helper.make_node("Softmax", ["a"], ["y"], axis=1),
    ]
    graph = helper.make_graph(nodes, "older", shape[:1], shape[1:])
    older = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 7)], ir_version=3)
    onnx.save(older, tmp_path / "older.onnx")
    newer = load_graph(tmp_path / "older.onnx")
    assert [one.name for one in newer.graph.input] == ["x"]
    batches = [line[..., :8] for line in lines(1, seed=3)]
    np.testing.assert_allclose(outputs(newer, batches), outputs(older, batches), atol=1e-6)
    assert list(write_mixed_graphs(tmp_path / "older.onnx", tmp_path / "int8.onnx", batches)) == []


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(1, 100)), min_size=1, max_size=12))
def test_candidates_are_parts_of_each_other_and_lose_the_worst_for_its_work_first(
    measured: list[tuple[float, float]],
) -> None:
    harm = {str(i): one for i, (one, _) in enumerate(measured)}
    work = {str(i): one for i, (_, one) in enumerate(measured)}
    before = set(harm)
    for names in list_product_sets(harm, work):
        kept = set(names)
        assert kept < before
        dear = min(harm[name] / work[name] for name in before - kept)
        assert all(harm[name] / work[name] <= dear for name in kept)
        before = kept
