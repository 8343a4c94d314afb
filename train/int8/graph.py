"""The products of a graph that can be computed in 8 bits: convolutions of one pixel, and matrices."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper, version_converter

Array = npt.NDArray[np.float32]
OPSET = 17  # scales by channel came with 13, layer norms with 17
IR_VERSION = 8  # that of OPSET; before 4, weights were inputs, too


@dataclass(frozen=True)
class Product:
    """A node that multiplies what comes in by constant weights, the same at every position.

    Attributes:
        name: of its weights, or of its output where others share them.
        node: the name of its output, which no other node has.
        input: the tensor that comes in.
        weights: (channels in, channels out) float32.
        bias: (channels out,) float32; None without one.
        channels_last: whether the input has its channels last, as a matrix has.
    """

    name: str
    node: str
    input: str
    weights: Array
    bias: Array | None
    channels_last: bool


def load_graph(path: Path) -> onnx.ModelProto:
    """Return a graph of OPSET or later, with its batch norms and biases in its convolutions."""
    model = onnx.load(path)
    fed = {one.name for one in model.graph.input} - {one.name for one in model.graph.initializer}
    if max(opset.version for opset in model.opset_import if not opset.domain) < OPSET:
        model = version_converter.convert_version(model, OPSET)
    with tempfile.TemporaryDirectory() as folder:
        simpler = Path(folder) / "simpler.onnx"
        options = onnxruntime.SessionOptions()
        # The level that stays within ONNX's own operators: any provider runs the result.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(simpler)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return _with_inputs(onnx.load(simpler), fed)


def _with_inputs(model: onnx.ModelProto, names: Set[str]) -> onnx.ModelProto:
    """Return a graph that asks for no more: weights are inputs of older ones, and their conversion leaves some over."""
    kept = [one for one in model.graph.input if one.name in names]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    model.ir_version = max(model.ir_version, IR_VERSION)
    return model


def list_products(model: onnx.ModelProto) -> list[Product]:
    """Return every product of a graph, in its order."""
    constants = {one.name: one for one in model.graph.initializer}
    found = [one for node in model.graph.node for one in _products(node, constants)]
    names = [one.name for one in found]
    return [one if names.count(one.name) == 1 else _named_by_output(one) for one in found]


def _products(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> Iterator[Product]:
    held = [numpy_helper.to_array(constants[name]) for name in node.input[1:] if name in constants]
    if not held or len(held) != len(node.input) - 1 or held[0].dtype != np.float32:
        return
    weights, bias = held[0], held[1] if len(held) > 1 else None
    place = node.input[1], node.output[0], node.input[0]
    if node.op_type == "MatMul" and weights.ndim == 2:
        yield Product(*place, weights, bias, channels_last=True)
    elif node.op_type == "Conv" and _is_pointwise(node, weights):
        yield Product(*place, weights.reshape(weights.shape[:2]).T, bias, channels_last=False)


def _is_pointwise(node: onnx.NodeProto, weights: npt.NDArray[Any]) -> bool:
    attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    plain = (
        attributes.get("group", 1) == 1
        and not any(attributes.get("pads", ()))
        and attributes.get("auto_pad") in (None, b"NOTSET", b"VALID")
    )
    return plain and set(weights.shape[2:]) == {1} and set(attributes.get("strides", (1,))) == {1}


def _named_by_output(one: Product) -> Product:
    return Product(one.node, one.node, one.input, one.weights, one.bias, one.channels_last)


def run_for(
    model: onnx.ModelProto, tensors: Sequence[str], batches: Sequence[Array]
) -> Iterator[dict[str, Array]]:
    """Run a graph and yield, for every batch, the tensors of these names."""
    open_up = onnx.ModelProto()
    open_up.CopyFrom(model)
    there = {one.name for one in (*model.graph.output, *model.graph.input)}
    open_up.graph.output.extend(
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        for name in dict.fromkeys(tensors)
        if name not in there
    )
    session = open_model(open_up)
    input_name = model.graph.input[0].name
    wanted = [name for name in dict.fromkeys(tensors) if name != input_name]
    for batch in batches:
        found = (
            session.run(wanted, {input_name: batch}) if wanted else []
        )  # without names it returns every output
        yield dict(zip(wanted, found, strict=True)) | {input_name: batch}


def open_model(model: onnx.ModelProto) -> Any:
    """Return an onnxruntime session of a graph in memory, on one core."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
