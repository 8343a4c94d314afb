"""A torch module as a Network: statistics renamed, linear weights transposed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from train.models.network import BATCH_NORM, Array, Arrays, Layer, Network, Statistics, kind_of

RENAMED = {"running_mean": "_mean", "running_var": "_variance"}
UNUSED = "num_batches_tracked"  # counts steps for norms without a momentum; these have one


def shared_name(name: str) -> str:
    """Return the name that all frameworks share for one of torch's or Hugging Face's."""
    head, dot, leaf = name.rpartition(".")
    return f"{head}{dot}{RENAMED.get(leaf, leaf)}"


def to_shared(name: str, array: Array) -> Array:
    """Return an array of torch's or Hugging Face's in the shared shape; the same function goes back."""
    return np.ascontiguousarray(array.T) if is_turned(name, array.ndim) else array


def is_turned(name: str, dimensions: int) -> bool:
    """Whether torch holds an array transposed: linear weights are, recurrent ones (`weight_ih_l0`) are as they come."""
    return name.endswith("weight") and dimensions == 2


class TorchNetwork(Network):
    """A `torch.nn.Module`."""

    def turns(self, name: str, dimensions: int) -> bool:
        """Linear weights are held transposed."""
        return is_turned(name, dimensions)

    def tensor(self, array: Array) -> Any:
        """Return a torch tensor on the module's device."""
        import torch

        return torch.tensor(array, device=next(self.layer.parameters()).device)

    def array_of(self, tensor: Any) -> Array:
        """Return a copy of a tensor."""
        return np.array(tensor.detach().cpu().numpy(), np.float32, order="C")

    def new_parameter(self, array: Array) -> Any:
        """Return a torch parameter on the module's device."""
        import torch

        return torch.nn.Parameter(self.tensor(array))

    def copy_of(self, tensor: Any) -> Any:
        """Return a detached copy."""
        return tensor.detach().clone()

    def overwrite(self, tensor: Any, value: Any) -> None:
        """Copy in place."""
        import torch

        with torch.no_grad():
            tensor.copy_(value)

    def approach(self, tensor: Any, target: Any, share: float) -> None:
        """Interpolate in place."""
        import torch

        with torch.no_grad():
            tensor.lerp_(target, share)

    def shared(self, name: str, array: Array) -> Array:
        """Transpose a linear weight."""
        return to_shared(name, array)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters; torch's names of them are the shared ones."""
        return dict(self.layer.named_parameters())

    def tensors(self) -> dict[str, Any]:
        """Return the state under shared names."""
        return {shared_name(n): t for n, t in self.layer.state_dict().items() if not n.endswith(UNUSED)}

    def arrays(self) -> Arrays:
        """Return the state under shared names."""
        return {name: to_shared(name, t.cpu().numpy().copy()) for name, t in self.tensors().items()}

    def _assign(self, arrays: Mapping[str, Array]) -> None:
        import torch

        tensors = self.tensors()
        with torch.no_grad():
            for name, array in arrays.items():
                tensors[name].copy_(torch.tensor(to_shared(name, array)))

    def sublayers(self) -> dict[str, Any]:
        """Return the modules; torch's names of them are the shared names."""
        return dict(self.layer.named_modules())

    def replace_linear(self, name: str, weight: Array, bias: Array) -> None:
        """Make new parameters for the layer."""
        import torch

        layer = self.layer.get_submodule(name)
        device = layer.weight.device
        layer.in_features, layer.out_features = weight.shape
        layer.weight = torch.nn.Parameter(torch.tensor(to_shared("weight", weight), device=device))
        layer.bias = torch.nn.Parameter(torch.tensor(bias, device=device))

    def execution_order(self, run: Callable[[], Any]) -> list[Layer]:
        """Watch a forward pass through hooks."""
        order: list[Layer] = []

        def note(layer: Layer, *_: Any) -> None:
            order.append(layer)

        hooks = [
            layer.register_forward_hook(partial(note, _describe(name, layer)))
            for name, layer in self.layer.named_modules()
            if not any(layer.children()) and any(True for _ in layer.parameters())
        ]
        run()
        for hook in hooks:
            hook.remove()
        return order

    def norm_inputs(self, run: Callable[[], Any]) -> dict[str, Statistics]:
        """Watch a forward pass through hooks."""
        seen: dict[str, Statistics] = {}

        def keep(name: str, norm: Any, inputs: Any) -> None:
            seen[name] = Statistics.of(inputs[0].detach().float().cpu().numpy(), norm.eps)

        hooks = [
            layer.register_forward_pre_hook(partial(keep, name))
            for name, layer in self.layer.named_modules()
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
            note(name, self.array_of(inputs[0]), self.array_of(output))

        hooks = [self.layer.get_submodule(n).register_forward_hook(partial(tell, n)) for n in names]
        run()
        for hook in hooks:
            hook.remove()


def _describe(name: str, layer: Any) -> Layer:
    kind = kind_of(type(layer).__name__)
    return Layer(name, kind, float(layer.eps) if kind == BATCH_NORM else 0.0)
