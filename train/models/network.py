"""A framework's network as everything outside its framework sees it: arrays under shared names.

The names are those of Paddle's structure, and so are the shapes: a linear weight is (inputs, outputs), a batch
norm's statistics are `_mean` and `_variance`. A checkpoint of one framework therefore loads in every other.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from train.errors import ModelError

Array = npt.NDArray[np.float32]
Arrays = dict[str, Array]
BATCH_NORM, CONVOLUTION = "batch_norm", "conv"
STATISTICS = ("._mean", "._variance")


@dataclass(frozen=True)
class Statistics:
    """What goes into a batch norm: mean and variance by channel, (C,) each, and its own epsilon."""

    mean: Array
    variance: Array
    epsilon: float

    @classmethod
    def of(cls, values: Array, epsilon: float) -> "Statistics":
        """Return those of (N, C, ...) values."""
        axes = (0, *range(2, values.ndim))
        return cls(values.mean(axes), values.var(axes), epsilon)


@dataclass(frozen=True)
class Layer:
    """A layer with parameters of its own.

    Attributes:
        name: `name.weight` is its weight.
        kind: `conv`, `linear`, `layer_norm`, `affine` or `batch_norm`.
        epsilon: what a batch norm adds to the variance; 0 elsewhere.
    """

    name: str
    kind: str
    epsilon: float = 0.0


@dataclass(frozen=True)
class Parts:
    """A network in two parts, cut where its backbone ends: what a network without a cut has as one function.

    Attributes:
        backbone: (framework's layer, (N, 3, 48, W) images) -> (N, ...) features; holds the layer groups up to
            `backbone.late`, and keeps lines apart: a line's features depend on that line and on W alone.
        rest: (framework's layer, features) -> (N, T, C) logits; holds neck and head.
    """

    backbone: Callable[[Any, Any], Any]
    rest: Callable[[Any, Any], Any]

    def __call__(self, layer: Any, images: Any) -> Any:
        """Return the logits of images."""
        return self.rest(layer, self.backbone(layer, images))


def kind_of(class_name: str) -> str:
    """Return the kind of a layer from the name of its class, which the frameworks agree on but for case."""
    if "BatchNorm" in class_name:
        return BATCH_NORM
    kinds = {"Linear": "linear", "LayerNorm": "layer_norm"}
    return kinds.get(class_name, CONVOLUTION if "Conv" in class_name else "affine")


class Network(ABC):
    """One network of one framework.

    Attributes:
        layer: the framework's own layer or module.
        hook: the method of its layers that has a function called with layer, inputs and output of a forward pass.
        epsilon: the attribute of its batch norms that is added to the variance.
    """

    layer: Any
    hook: ClassVar[str]
    epsilon: ClassVar[str]

    def turns(self, name: str, dimensions: int) -> bool:
        """Whether the framework holds the array `name` transposed, (outputs, inputs)."""
        return False

    def __init__(
        self,
        layer: Any,
        logits: Callable[[Any, Any], Any],
        training_logits: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        """Take the framework's layer, put into eval mode, and how to run it up to its logits.

        Args:
            layer: of the framework.
            logits: (layer, images) -> logits; `Parts`, if the network can be cut behind its backbone.
            training_logits: the same for what the loss compares, if that is more.
        """
        self.layer, self._logits = layer, logits
        self._training_logits = training_logits or logits
        layer.eval()

    @abstractmethod
    def sublayers(self) -> Mapping[str, Any]:
        """Return all layers inside the framework's layer, by name."""

    def logits(self, images: Any) -> Any:
        """Return what is read and exported: for tensors of the framework, whose shape the task knows.

        Recognition: (N, T, C) logits for (N, 3, 48, W) images in [-1, 1]. Detection: (N, 1, H, W) logits of the
        text probability for (N, 3, H, W) normalised images, H and W multiples of 32.
        """
        return self._logits(self.layer, images)

    def training_logits(self, images: Any) -> Any:
        """Return what the loss compares: the logits, and for detection a second channel, the threshold map's."""
        return self._training_logits(self.layer, images)

    @property
    def parts(self) -> Parts | None:
        """The network's two parts; None if it is not cut."""
        return self._logits if isinstance(self._logits, Parts) else None

    @abstractmethod
    def tensor(self, array: Array) -> Any:
        """Return the framework's tensor of an array, where the network computes."""

    @abstractmethod
    def array_of(self, tensor: Any) -> Array:
        """Return a copy of a tensor, in the framework's own shape."""

    @abstractmethod
    def new_parameter(self, array: Array) -> Any:
        """Return a parameter of its own, which is no part of the layer."""

    @abstractmethod
    def copy_of(self, tensor: Any) -> Any:
        """Return a copy of a parameter that does not learn."""

    @abstractmethod
    def overwrite(self, tensor: Any, value: Any) -> None:
        """Set a parameter in place to another tensor's value."""

    @abstractmethod
    def approach(self, tensor: Any, target: Any, share: float) -> None:
        """Move a tensor in place by `share` in [0, 1] of its way to another; not at all where they are equal."""

    @abstractmethod
    def shared(self, name: str, array: Array) -> Array:
        """Return an array of the framework's own shape in the shared one; the same function goes back."""

    @abstractmethod
    def tensors(self) -> dict[str, Any]:
        """Return the framework's own tensors of all parameters and batch statistics, by shared name."""

    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """Return the framework's own parameters that can learn, from the input to the output side."""

    @abstractmethod
    def arrays(self) -> Arrays:
        """Return copies of all parameters and batch statistics."""

    @abstractmethod
    def _assign(self, arrays: Mapping[str, Array]) -> None:
        """Set arrays whose names are known and whose shapes fit."""

    @abstractmethod
    def replace_linear(self, name: str, weight: Array, bias: Array) -> None:
        """Give the linear layer `name` other sizes: weight (D, C), bias (C,)."""

    def execution_order(self, run: Callable[[], Any]) -> list[Layer]:
        """Return the layers that have parameters in the order in which `run()`, a forward pass, executes them."""
        order: list[Layer] = []

        def note(name: str, layer: Any, *_: Any) -> None:
            kind = kind_of(type(layer).__name__)
            order.append(
                Layer(name, kind, float(getattr(layer, self.epsilon)) if kind == BATCH_NORM else 0.0)
            )

        leaves = {n: layer for n, layer in self.sublayers().items() if not any(layer.children())}
        self._watch(run, {n: layer for n, layer in leaves.items() if list(layer.parameters())}, note)
        return order

    def norm_inputs(self, run: Callable[[], Any]) -> dict[str, Statistics]:
        """Return the statistics of what `run()`, a forward pass, sends into each batch norm."""
        seen: dict[str, Statistics] = {}

        def keep(name: str, norm: Any, inputs: Any, _: Any) -> None:
            seen[name] = Statistics.of(self.array_of(inputs[0]), getattr(norm, self.epsilon))

        layers = self.sublayers().items()
        norms = {name: layer for name, layer in layers if kind_of(type(layer).__name__) == BATCH_NORM}
        self._watch(run, norms, keep)
        return seen

    def watch(
        self, run: Callable[[], Any], names: Sequence[str], note: Callable[[str, Array, Array], None]
    ) -> None:
        """Call `note` with name, input and output of each of these layers in `run()`, a forward pass."""

        def tell(name: str, _: Any, inputs: Any, output: Any) -> None:
            note(name, self.array_of(inputs[0]), self.array_of(output))

        layers = self.sublayers()
        self._watch(run, {name: layers[name] for name in names}, tell)

    def _watch(
        self, run: Callable[[], Any], layers: Mapping[str, Any], called: Callable[[str, Any, Any, Any], None]
    ) -> None:
        hooks = [getattr(layer, self.hook)(partial(called, name)) for name, layer in layers.items()]
        run()
        for hook in hooks:
            hook.remove()

    def assign(self, arrays: Mapping[str, Array]) -> None:
        """Set arrays by name; raise ModelError for an unknown name or another shape."""
        shapes = {name: array.shape for name, array in self.arrays().items()}
        for name, array in arrays.items():
            if shapes.get(name) != array.shape:
                raise ModelError(
                    "weights must be those of the network",
                    f"{name} is {array.shape}, in the network {shapes.get(name, 'missing')}",
                    "name the weights or the checkpoint of this very model",
                )
        self._assign({n: np.ascontiguousarray(array, np.float32) for n, array in arrays.items()})
