"""A Paddle layer as a Network: its structure names are the shared ones."""

import importlib
import signal
import threading
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from train.models.network import STATISTICS, Array, Arrays, Network


def load_paddle() -> Any:
    """Return the module `paddle`, with SIGTERM as it was: Paddle's import takes it from Python's handler."""
    import paddle

    handler = signal.getsignal(signal.SIGTERM)  # Python's still, whatever the system has
    if handler is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, handler)
    return paddle


def published_layer(kind: str, layer_class: str, settings: Mapping[str, Any]) -> Any:
    """Return a layer of paddlex with random weights.

    Args:
        kind: `text_recognition` or the like, a package of paddlex's models.
        layer_class: name of its class.
        settings: what the class's configuration takes.
    """
    load_paddle()
    published = getattr(importlib.import_module(f"paddlex.inference.models.{kind}.modeling"), layer_class)
    return published(published.config_class(**settings))


class PaddleNetwork(Network):
    """A `paddle.nn.Layer`."""

    hook: ClassVar[str] = "register_forward_post_hook"
    epsilon: ClassVar[str] = "_epsilon"

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
        layer = self.sublayers()[name]
        for role, array in (("weight", weight), ("bias", bias)):
            parameter = layer.create_parameter(shape=list(array.shape), is_bias=role == "bias")
            parameter.set_value(array)
            setattr(layer, role, parameter)

    def sublayers(self) -> dict[str, Any]:
        """Return the layers; Paddle's names of them are the shared names."""
        return dict(self.layer.named_sublayers())
