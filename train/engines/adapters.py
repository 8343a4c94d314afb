"""LoRA: low-rank changes of a network's matrices and kernels (Hu et al., 2022), in any framework.

A weight seen as a matrix, W = W0 + alpha / rank * A @ B, where A and B alone learn. The network holds W itself, so it
predicts and exports merged at any time. Back-propagation gives dL/dW, from which the adapters' gradients follow:
dL/dA = alpha / rank * dL/dW @ B^T and dL/dB = alpha / rank * A^T @ dL/dW.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.config import AdapterSettings, TrialConfig
from train.errors import UsageError
from train.models.network import Array, Arrays, Network
from train.techniques import build_technique

A, B = ".lora_a", ".lora_b"


def find_adapter_settings(config: TrialConfig) -> AdapterSettings | None:
    """Return the adapters of a configuration's technique, if it has some; raise UsageError for norms that learn.

    Their checkpoints hold no batch statistics, so the norms must stay as they came. Statistics of typical images are
    for norms that learn or go live: without them a run starts alike wherever it is resumed.
    """
    settings = build_technique(config.technique).adapters
    if settings is not None and config.batch_norm != "frozen":
        raise UsageError("adapters need frozen batch norms", config.batch_norm, "set batch_norm: frozen")
    return settings


def adapted(name: str) -> str:
    """Return the weight that an adapter's array changes."""
    return name.removesuffix(A).removesuffix(B)


@dataclass
class _Adapter:
    """One weight's adapter: its own matrices and the weight before it, tensors of the framework.

    Attributes:
        turned: the framework holds the weight transposed.
    """

    weight: Any
    base: Any
    a: Any
    b: Any
    turned: bool


class Adapters:
    """The adapters of a network's linear, convolution and recurrent weights."""

    def __init__(self, network: Network, settings: AdapterSettings, seed: int) -> None:
        """Add adapters that change nothing yet: A is random, B is zero."""
        self._network = network
        self._scale = settings.alpha / settings.rank
        parameters, rng = network.parameters(), np.random.default_rng(seed)
        self._adapters: dict[str, _Adapter] = {}
        for name, array in network.arrays().items():
            if name in parameters and array.ndim > 1:
                rows, columns = array.shape[0], array[0].size
                rank = min(settings.rank, rows, columns)
                a = (rng.standard_normal((rows, rank)) / np.sqrt(rows)).astype(np.float32)
                weight, b = parameters[name], np.zeros((rank, columns), np.float32)
                self._adapters[name] = _Adapter(
                    weight,
                    network.copy_of(weight),
                    a=network.new_parameter(a),
                    b=network.new_parameter(b),
                    turned=network.turns(name, array.ndim),
                )

    def weights(self) -> set[str]:
        """Return the names of the weights that have adapters."""
        return set(self._adapters)

    def parameters(self) -> dict[str, Any]:
        """Return the framework's parameters that learn, by shared name."""
        pairs = ((name, adapter) for name, adapter in self._adapters.items())
        return {n: p for name, one in pairs for n, p in ((name + A, one.a), (name + B, one.b))}

    def take_gradients(self) -> None:
        """Turn the gradients of the weights into those of the adapters; a frozen weight's adapter has none."""
        for adapter in self._adapters.values():
            if adapter.weight.grad is not None:
                gradient = self._as_matrix(adapter.weight.grad, adapter)
                adapter.a.grad = gradient @ adapter.b.detach().T * self._scale
                adapter.b.grad = adapter.a.detach().T @ gradient * self._scale

    def merge(self) -> None:
        """Set every weight to what its adapter makes of it."""
        for adapter in self._adapters.values():
            change = adapter.a.detach() @ adapter.b.detach() * self._scale
            if adapter.turned:
                change = change.T
            self._network.overwrite(adapter.weight, adapter.base + change.reshape(adapter.base.shape))

    def _as_matrix(self, tensor: Any, adapter: _Adapter) -> Any:
        """Return a tensor of the weight's shape as (rows, columns) in the shared shape."""
        if adapter.turned:
            return tensor.T
        return tensor.reshape([adapter.a.shape[0], adapter.b.shape[1]])

    def arrays(self) -> Arrays:
        """Return copies of the adapters' arrays."""
        return {name: np.array(self._network.array_of(p)) for name, p in self.parameters().items()}

    def assign(self, arrays: Mapping[str, Array]) -> None:
        """Set the adapters' arrays, and the weights with them."""
        for name, parameter in self.parameters().items():
            self._network.overwrite(parameter, self._network.tensor(np.array(arrays[name], np.float32)))
        self.merge()

    def start_anew(self) -> None:
        """Take the network's weights as they are now for the ones to change."""
        for adapter in self._adapters.values():
            adapter.base = self._network.copy_of(adapter.weight)
            self._network.overwrite(adapter.b, adapter.b.detach() * 0)
