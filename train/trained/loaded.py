"""A network that is built once for all that comes after training: tuning, export, comparisons, label check."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

from train.checkpoint import Checkpoint
from train.data.batching.batches import Indices
from train.data.dataset import Dataset
from train.engine import Engine, Images
from train.loop import assemble
from train.scoring.scores import Scores
from train.steps.validation import judge_batch
from train.tasks import SampleStats, Task

MOST_BYTES = 1 << 28
"""Of outputs that are kept."""


@dataclass(frozen=True)
class SplitReading:
    """What a network reads of a split.

    Attributes:
        predictions: one a sample, in dataset order.
        losses: of each label (`Task.losses`).
        stats: how each sample is done (`Task.per_sample`).
    """

    scores: Scores
    predictions: list[Any]
    losses: list[float]
    stats: SampleStats


@dataclass(frozen=True)
class Assembled:
    """A network whose weights stay as they are, and the task that decodes its outputs: what `assemble` returns."""

    engine: Engine
    task: Task
    _readings: dict[int, tuple[Dataset, SplitReading]] = field(default_factory=dict, init=False, repr=False)
    _outputs: dict[tuple[int, int], tuple[Dataset, Images]] = field(
        default_factory=dict, repr=False, kw_only=True
    )

    @property
    def at_best(self) -> "Assembled":
        """The network as epochs are judged (`Task.at_best`); what one of the two computes, both have."""
        task = self.task.at_best
        return self if task is self.task else Assembled(self.engine, task, _outputs=self._outputs)

    def read(self, data: Dataset) -> SplitReading:
        """Read a split; asked again for the same one, return what was read before."""
        if id(data) not in self._readings:
            found: list[tuple[int, Any, float]] = []
            for indices in self.task.evaluation_batches(data):
                found += judge_batch(self.task, data, indices, self.output(data, indices))
            found.sort(key=lambda one: one[0])
            predictions, losses = [one for _, one, _ in found], [loss for *_, loss in found]
            scores, stats = self.task.score(predictions, data), self.task.per_sample(predictions, data)
            reading = SplitReading(scores, predictions, losses, stats)
            self._readings[id(data)] = data, reading  # the dataset is kept, so that no other one gets its id
        return self._readings[id(data)][1]

    def output(self, data: Dataset, indices: Indices) -> Images:
        """Return the network's outputs for a batch of a split (`Task.evaluation_batches`), kept while there is room."""
        key = id(data), int(indices[0])
        if key in self._outputs:
            return self._outputs[key][1]
        output = self.engine.predict(self.task.evaluation_batch(data, indices))
        if sum(kept.nbytes for _, kept in self._outputs.values()) + output.nbytes <= MOST_BYTES:
            self._outputs[key] = data, output
        return output

    def with_outputs_of(self, other: "Assembled") -> Self:
        """Return this network with the outputs that `other`, the same network, has computed already."""
        self._outputs.update(other._outputs)
        return self


@dataclass(frozen=True)
class Loaded(Assembled):
    """A network with the weights of a checkpoint, and its settings."""

    checkpoint: Checkpoint = field(kw_only=True)

    def with_metrics(self, metrics: dict[str, float]) -> "Loaded":
        """Return the network, with what it has read, as one whose checkpoint has further metrics."""
        changed = replace(self.checkpoint, metrics=self.checkpoint.metrics | metrics)
        found = Loaded(self.engine, self.task, checkpoint=changed)
        found._readings.update(self._readings)
        return found.with_outputs_of(self)


def load_network(checkpoint: Checkpoint, data: Dataset) -> Loaded:
    """Build the network of a checkpoint.

    Args:
        checkpoint: whose weights it has.
        data: any images of the task.
    """
    return Loaded(*assemble(checkpoint.config, data, checkpoint), checkpoint=checkpoint)
