"""A graph with some of its products in 8 bits.

Only what comes into a product is rounded (uint8, one scale), and its weights (int8, a scale for each channel that goes
out): what goes out stays float32. onnxruntime joins the nodes to one integer product with a float32 result. A
convolution of one pixel becomes that product, too, with its channels last: rounding its output for another 8-bit
convolution, as is usual (QLinearConv), changed twice as much of what these small networks read.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from train.int8.graph import Product
from train.int8.rounding import Rounded


def convert(
    model: onnx.ModelProto, products: Sequence[Product], rounded: Mapping[str, Rounded]
) -> onnx.ModelProto:
    """Return the graph with these products in 8 bits."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    chosen = {one.node: one for one in products}
    del changed.graph.node[:]
    for node in model.graph.node:
        product = chosen.get(node.output[0]) if node.output else None
        if product is None:
            changed.graph.node.append(node)
        else:
            changed.graph.initializer.extend(_constants(product, rounded[product.name]))
            changed.graph.node.extend(_nodes(product, len(_shape(node, model))))
    used = {name for node in changed.graph.node for name in node.input}
    kept = [one for one in changed.graph.initializer if one.name in used]
    del changed.graph.initializer[:], changed.graph.value_info[:]
    changed.graph.initializer.extend(kept)
    return changed


def _shape(node: onnx.NodeProto, model: onnx.ModelProto) -> Sequence[int]:
    return next(tuple(one.dims) for one in model.graph.initializer if one.name == node.input[1])


def _constants(one: Product, rounded: Rounded) -> Iterator[onnx.TensorProto]:
    held = {
        "scale": rounded.scale,
        "zero": rounded.zero,
        "weights": rounded.weights,
        "scales": rounded.scales,
        "zeros": np.zeros(len(rounded.scales), np.int8),
    }
    if rounded.bias is not None:
        held["bias"] = rounded.bias
    for name, value in held.items():
        yield numpy_helper.from_array(np.asarray(value), f"{one.node}_int8_{name}")


def _nodes(one: Product, rank: int) -> Iterator[onnx.NodeProto]:
    """Yield the product's nodes; `rank` is that of a convolution's weights and so of what it takes."""

    def named(name: str) -> str:
        return f"{one.node}_int8_{name}"

    def node(kind: str, inputs: Sequence[str], output: str, **attributes: object) -> onnx.NodeProto:
        return helper.make_node(kind, inputs, [output], name=f"{output}_{kind}", **attributes)

    last, ends = one.input, not one.channels_last
    yield node("QuantizeLinear", [last, named("scale"), named("zero")], named("rounded"))
    last = named("rounded")
    if ends:  # the 8-bit values are a quarter of what would have to be moved before
        yield node("Transpose", [last], named("turned"), perm=[0, *range(2, rank), 1])
        last = named("turned")
    yield node("DequantizeLinear", [last, named("scale"), named("zero")], named("values"))
    matrix = [named("weights"), named("scales"), named("zeros")]
    yield node("DequantizeLinear", matrix, named("matrix"), axis=1)
    last = named("product") if ends or one.bias is not None else one.node
    yield node("MatMul", [named("values"), named("matrix")], last)
    if one.bias is not None:
        yield node("Add", [last, named("bias")], named("sum") if ends else one.node)
        last = named("sum")
    if ends:
        yield node("Transpose", [last], one.node, perm=[0, rank - 1, *range(1, rank - 1)])
