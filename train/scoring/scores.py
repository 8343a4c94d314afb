"""How well a task is done: what every kind of score has in common, whatever it measures."""

from abc import ABC
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Self

from train.scoring.intervals import Interval, wilson_interval

FINE = 10**6
LIKELIHOOD = 1e-6
"""What the loss of the labels counts beside the score that breaks ties: where both scores are equal, it decides.

Where all validation samples are read, as easy ones soon are, the scores can tell no two networks apart.
"""
VAL_LOSS = "val_loss"
"""Among an epoch's metrics: the mean loss of the validation labels; missing where none has one."""


def refine(tie: float, loss: float | None) -> float:
    """Return the score that breaks ties, greater by up to LIKELIHOOD the less the mean loss of the labels is."""
    return tie + (0.0 if loss is None else LIKELIHOOD / (1 + max(loss, 0.0)))


@dataclass(frozen=True)
class Scores(ABC):
    """Scores over n samples; a subclass has a field for each of its `names`.

    Attributes:
        names: of the fields that hold scores. The first decides, in [0, 1], the larger the better; the second breaks
            ties, in [0, 1], too; the others are told.
        n: samples.
    """

    names: ClassVar[tuple[str, ...]]

    n: int

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, Any], n: int, prefix: str = "") -> Self:
        """Return the scores over n samples whose values stand in `metrics` under their names behind a prefix."""
        return cls(n, **{name: float(metrics[prefix + name]) for name in cls.names})

    @classmethod
    def interval_keys(cls, prefix: str = "") -> tuple[str, ...]:
        """Return the names of the interval's ends among metrics, behind a prefix; none where the scores tell it."""
        return ()

    @classmethod
    def are_in(cls, metrics: Mapping[str, Any], prefix: str = "") -> bool:
        """Whether `from_metrics` finds its values."""
        return prefix + cls.names[0] in metrics

    @property
    def primary(self) -> float:
        """The score that decides."""
        return float(getattr(self, self.names[0]))

    @property
    def tie(self) -> float:
        """The score that breaks ties."""
        return float(getattr(self, self.names[1]))

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key."""
        return self.primary, self.tie

    def rank_with(self, loss: float | None) -> tuple[float, float]:
        """Return the sort key of these scores beside a mean loss of the labels."""
        return self.primary, refine(self.tie, loss)

    @classmethod
    def rank_in(cls, metrics: Mapping[str, Any]) -> tuple[float, float]:
        """Return the sort key of an epoch's metrics."""
        return cls.from_metrics(metrics, 0).rank_with(metrics.get(VAL_LOSS))

    @property
    def steps(self) -> int:
        """Into how many equal steps [0, 1] falls for the primary score: what differs by less does not differ."""
        return FINE

    @property
    def interval(self) -> Interval | None:
        """The primary score's 95 % interval; None where these numbers do not tell it."""
        return None

    @property
    def within(self) -> str:
        """What stands behind the primary score, ' (95 % interval 0.550 to 0.690)'; empty where it is not known."""
        found = self.interval
        return f" (95 % interval {found.low:.3f} to {found.high:.3f})" if found else ""

    def values(self, prefix: str = "") -> dict[str, float]:
        """Return the scores alone, by name behind a prefix."""
        return {prefix + name: float(getattr(self, name)) for name in self.names}

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """Return all that `from_metrics` reads, by name behind a prefix."""
        return self.values(prefix)

    def as_dict(self) -> dict[str, float | int | str]:
        """Return the fields as a mapping."""
        return asdict(self)


@dataclass(frozen=True)
class ShareScores(Scores):
    """Scores of which the first is the share of samples that are right."""

    @property
    def steps(self) -> int:
        """One for each sample."""
        return max(1, self.n)

    @property
    def interval(self) -> Interval:
        """Wilson's interval of a share."""
        return wilson_interval(self.primary * self.n, self.n)


@dataclass(frozen=True)
class ResampledScores(Scores):
    """Scores of which the first is no share of the samples: its interval comes from resampling them.

    Attributes:
        interval: of the first one, at 95 %; None where the samples are not at hand.
    """

    interval: Interval | None = field(default=None, compare=False, kw_only=True)

    @classmethod
    def interval_keys(cls, prefix: str = "") -> tuple[str, str]:
        """Return the names of the interval's ends among metrics, behind a prefix."""
        return f"{prefix}{cls.names[0]}_low", f"{prefix}{cls.names[0]}_high"

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, Any], n: int, prefix: str = "") -> Self:
        """Return the scores, with their interval where that is among the metrics."""
        low, high = (metrics.get(end) for end in cls.interval_keys(prefix))
        interval = None if low is None or high is None else Interval(low=low, high=high)
        return replace(super().from_metrics(metrics, n, prefix), interval=interval)

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """Return the scores and the ends of their interval."""
        if self.interval is None:
            return self.values(prefix)
        ends = zip(self.interval_keys(prefix), self.interval.ends, strict=True)
        return self.values(prefix) | dict(ends)

    def as_dict(self) -> dict[str, float | int | str]:
        """Return the fields but the interval as a mapping."""
        return {key: value for key, value in super().as_dict().items() if key != "interval"}


@dataclass(frozen=True)
class AccuracyScores(ShareScores):
    """Scores of telling classes apart.

    Attributes:
        accuracy: share of samples whose class is right.
        confidence: mean probability of the class that is right, in [0, 1].
    """

    names: ClassVar[tuple[str, ...]] = ("accuracy", "confidence")

    accuracy: float
    confidence: float
