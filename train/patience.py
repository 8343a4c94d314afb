"""When a run has stopped getting better: the best epoch so far, kept with every epoch's metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "best_"


@dataclass(frozen=True)
class Best:
    """The best epoch so far, by its first score, ties by the second; the earliest of equals.

    Attributes:
        names: of the two scores in an epoch's metrics (`Scores.names`).
        epoch: counted from 1; 0 before the first.
    """

    names: tuple[str, ...]
    epoch: int = 0
    rank: tuple[float, ...] = (-1.0, -1.0)

    def kept_in(self, metrics: Mapping[str, float]) -> "Best":
        """Return what an epoch's metrics say; where they say nothing, that epoch is the best so far."""
        epoch, *rank = (metrics.get(PREFIX + name, metrics[name]) for name in ("epoch", *self.names))
        return Best(self.names, int(epoch), tuple(rank))

    def after(self, metrics: Mapping[str, float]) -> "Best":
        """Return the better one of this and the epoch of `metrics`."""
        rank = tuple(metrics[name] for name in self.names)
        return Best(self.names, int(metrics["epoch"]), rank) if rank > self.rank else self

    def metrics(self) -> dict[str, float]:
        """Return what `kept_in` reads."""
        values = zip(("epoch", *self.names), (self.epoch, *self.rank), strict=True)
        return {PREFIX + name: value for name, value in values}

    def out_of_patience(self, epoch: int, patience: int) -> bool:
        """Whether `patience` epochs up to `epoch` brought nothing better; never with a patience of 0."""
        return 0 < patience <= epoch - self.epoch
