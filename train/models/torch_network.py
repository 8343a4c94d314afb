"""A torch module as a Network: statistics renamed, linear weights transposed."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from train.models.network import Array, Arrays, Network

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


def published_layer(kind: str, layer_class: str, settings: Mapping[str, Any]) -> Any:
    """Return a layer of transformers with random weights.

    Args:
        kind: how the name of its class ends: `ForTextRecognition` or the like.
        layer_class: paddlex's name of the class, which transformers' begins with.
        settings: what the class's configuration takes, in paddlex and here.
    """
    import transformers

    published = getattr(transformers, f"{layer_class}{kind}")
    return published(
        published.config_class(**{key: value for key, value in settings.items() if key != "model_type"})
    )


class TorchNetwork(Network):
    """A `torch.nn.Module`."""

    hook: ClassVar[str] = "register_forward_hook"
    epsilon: ClassVar[str] = "eps"

    def turns(self, name: str, dimensions: int) -> bool:
        """Linear weights are held transposed."""
        return is_turned(name, dimensions)

    def tensor(self, array: Array) -> Any:
        """Return a torch tensor on the module's device."""
        import torch

        return torch.tensor(array, device=next(self.layer.parameters()).device)

    def array_of(self, tensor: Any) -> Array:
        """Return a copy of a tensor."""
        return np.array(tensor.detach().float().cpu().numpy(), np.float32, order="C")

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
