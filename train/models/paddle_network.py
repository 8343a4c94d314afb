"""A Paddle layer as a Network: its structure names are the shared ones."""

import importlib
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from train.models.network import BATCH_NORM, STATISTICS, Array, Arrays, Layer, Network, Statistics, kind_of


def load_paddle() -> Any:
    """Return the module `paddle`, with SIGTERM as it was: Paddle's import takes it from Python's handler."""
    import paddle

    handler = signal.getsignal(signal.SIGTERM)  # Python's still, whatever the system has
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
    return paddle


def load_class(module: str, name: str) -> Any:
    """Return a class of a module that imports Paddle."""
    load_paddle()
    return getattr(importlib.import_module(module), name)


class PaddleNetwork(Network):
    """A `paddle.nn.Layer`."""

    def tensor(self, array: Array) -> Any:
        """Return a Paddle tensor."""
        import paddle

        return paddle.to_tensor(array)

    def array_of(self, tensor: Any) -> Array:
        """Return a copy of a tensor."""
        return np.array(tensor.numpy(), np.float32)

    def new_parameter(self, array: Array) -> Any:
        """Return a Paddle parameter."""
        import paddle

        parameter = paddle.create_parameter(list(array.shape), "float32")
        parameter.set_value(array)
        return parameter

    def copy_of(self, tensor: Any) -> Any:
        """Return a detached copy."""
        return tensor.detach().clone()

    def overwrite(self, tensor: Any, value: Any) -> None:
        """Assign in place."""
        import paddle

        with paddle.no_grad():
            paddle.assign(value, tensor)

    def approach(self, tensor: Any, target: Any, share: float) -> None:
        """Interpolate in place."""
        import paddle

        with paddle.no_grad():
            tensor.lerp_(target, share)

    def shared(self, name: str, array: Array) -> Array:
        """Return the array: Paddle's shapes are the shared ones."""
        return array

    def tensors(self) -> dict[str, Any]:
        """Return the state by structure name."""
        return dict(self.layer.state_dict())

    def parameters(self) -> dict[str, Any]:
        """Return the parameters; Paddle counts batch statistics among them."""
        return {n: p for n, p in self.layer.named_parameters() if not n.endswith(STATISTICS)}

    def arrays(self) -> Arrays:
        """Return the state by structure name."""
        return {name: tensor.numpy() for name, tensor in self.tensors().items()}

    def _assign(self, arrays: Mapping[str, Array]) -> None:
        tensors = self.tensors()
        for name, array in arrays.items():
            tensors[name].set_value(array)

    def replace_linear(self, name: str, weight: Array, bias: Array) -> None:
        """Make new parameters for the layer."""
        layer = self._sublayer(name)
        for role, array in (("weight", weight), ("bias", bias)):
            parameter = layer.create_parameter(shape=list(array.shape), is_bias=role == "bias")
            parameter.set_value(array)
            setattr(layer, role, parameter)

    def sublayers(self) -> dict[str, Any]:
        """Return the layers; Paddle's names of them are the shared names."""
        return dict(self.layer.named_sublayers())

    def _sublayer(self, name: str) -> Any:
        return self.sublayers()[name]

    def execution_order(self, run: Callable[[], Any]) -> list[Layer]:
        """Watch a forward pass through hooks."""
        order: list[Layer] = []

        def note(layer: Layer, *_: Any) -> None:
            order.append(layer)

        hooks = [
            layer.register_forward_post_hook(partial(note, _describe(name, layer)))
            for name, layer in self.layer.named_sublayers()
            if not layer.sublayers() and layer.parameters()
        ]
        run()
        for hook in hooks:
            hook.remove()
        return order

    def norm_inputs(self, run: Callable[[], Any]) -> dict[str, Statistics]:
        """Watch a forward pass through hooks."""
        seen: dict[str, Statistics] = {}

        def keep(name: str, norm: Any, inputs: Any) -> None:
            seen[name] = Statistics.of(inputs[0].numpy(), norm._epsilon)

        hooks = [
            layer.register_forward_pre_hook(partial(keep, name))
            for name, layer in self.layer.named_sublayers()
            if kind_of(type(layer).__name__) == BATCH_NORM
        ]
        run()
        for hook in hooks:
            hook.remove()
        return seen

    def watch(
        self, run: Callable[[], Any], names: Sequence[str], note: Callable[[str, Array, Array], None]
    ) -> None:
        """Watch a forward pass through hooks."""

        def tell(name: str, layer: Any, inputs: Any, output: Any) -> None:
            note(name, inputs[0].numpy(), output.numpy())

        hooks = [self._sublayer(name).register_forward_post_hook(partial(tell, name)) for name in names]
        run()
        for hook in hooks:
            hook.remove()


def _describe(name: str, layer: Any) -> Layer:
    return Layer(name, kind_of(type(layer).__name__), float(getattr(layer, "_epsilon", 0.0)))
