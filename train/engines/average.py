"""An exponential moving average of what learns, kept beside it (Polyak and Juditsky, 1992), in any framework.

After the n-th optimiser step, counted from 0, average += (1 - d) * (value - average) with d = min(decay,
(1 + n) / (10 + n)): the warm-up of TensorFlow's ExponentialMovingAverage, without which the start would weigh as
much as 1 / (1 - decay) steps. What does not change has the very same average.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from train.errors import CheckpointError
from train.models.network import STATISTICS, Network

STEPS = "steps"


class MovingAverage:
    """The average of a network's learning tensors and batch statistics."""

    def __init__(self, network: Network, tensors: Mapping[str, Any], decay: float) -> None:
        """Start from what the tensors are now.

        Args:
            network: whose framework the tensors are of.
            tensors: what is averaged, by shared name; the very objects that the optimiser changes.
            decay: in (0, 1).
        """
        self._network, self._tensors, self._decay = network, dict(tensors), decay
        self.start_anew()

    def start_anew(self) -> None:
        """Begin the average anew with the tensors as they are now."""
        self._steps = 0
        self._average = {name: self._network.copy_of(tensor) for name, tensor in self._tensors.items()}

    def update(self) -> None:
        """Take one optimiser step's result into the average."""
        decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
        for name, tensor in self._tensors.items():
            self._network.approach(self._average[name], tensor, 1 - decay)
        self._steps += 1

    def statistics(self) -> list[Any]:
        """Return the averaged batch statistics, tensors of the framework."""
        return [tensor for name, tensor in self._average.items() if name.endswith(STATISTICS)]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average in the place of what learns, and that back at the end, bit for bit."""
        raw = {name: self._network.copy_of(tensor) for name, tensor in self._tensors.items()}
        self._set(self._average)
        try:
            yield
        finally:
            self._set(raw)

    def _set(self, values: Mapping[str, Any]) -> None:
        for name, tensor in self._tensors.items():
            self._network.overwrite(tensor, values[name])

    def arrays(self) -> dict[str, Any]:
        """Return copies of the averages under shared names and in shared shapes, and the number of steps."""
        arrays = {
            name: self._network.shared(name, self._network.array_of(tensor))
            for name, tensor in self._average.items()
        }
        return {**arrays, STEPS: np.array([self._steps], np.int64)}

    def assign(self, arrays: Mapping[str, Any]) -> None:
        """Continue from what `arrays` returned; raise CheckpointError if it was another network's."""
        if arrays.keys() != self._average.keys() | {STEPS}:
            raise CheckpointError(
                "a checkpoint's moving average must be of what learns",
                f"{len(arrays) - 1} arrays for {len(self._average)}",
                "use the configuration that the checkpoint came from",
            )
        for name, tensor in self._average.items():
            value = self._network.shared(name, np.array(arrays[name], np.float32))
            self._network.overwrite(tensor, self._network.tensor(value))
        self._steps = int(arrays[STEPS].item())
