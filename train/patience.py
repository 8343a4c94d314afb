"""When a run has stopped getting better: the best epoch so far, kept with every epoch's metrics."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

PREFIX = "best_"


@dataclass(frozen=True)
class Best:
    """The best epoch so far, by exact match, ties by edit similarity; the earliest of equals.

    Attributes:
        epoch: counted from 1; 0 before the first.
    """

    epoch: int = 0
    exact_match: float = -1.0
    edit_similarity: float = -1.0

    @classmethod
    def kept_in(cls, metrics: Mapping[str, float]) -> "Best":
        """Return what an epoch's metrics say; where they say nothing, that epoch is the best so far."""
        found = {name: metrics.get(PREFIX + name, metrics[name]) for name in asdict(cls())}
        return cls(int(found["epoch"]), found["exact_match"], found["edit_similarity"])

    def after(self, metrics: Mapping[str, float]) -> "Best":
        """Return the better one of this and the epoch of `metrics`."""
        other = Best(int(metrics["epoch"]), metrics["exact_match"], metrics["edit_similarity"])
        return other if other._rank > self._rank else self

    @property
    def _rank(self) -> tuple[float, float]:
        return self.exact_match, self.edit_similarity

    def metrics(self) -> dict[str, float]:
        """Return what `kept_in` reads."""
        return {PREFIX + name: value for name, value in asdict(self).items()}

    def out_of_patience(self, epoch: int, patience: int) -> bool:
        """Whether `patience` epochs up to `epoch` brought nothing better; never with a patience of 0."""
        return 0 < patience <= epoch - self.epoch
