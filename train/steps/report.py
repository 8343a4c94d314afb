"""What the loop hands on after an epoch: its metrics, and what makes its checkpoint."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from train.checkpoint import Checkpoint

Metrics = Mapping[str, float]


class MakeCheckpoint(Protocol):
    """Makes the checkpoint of the epoch that is reported."""

    def __call__(self, more: Metrics | None = None, /) -> Checkpoint:
        """Return it with the epoch's metrics and `more`: what the reporter wants to find in it again."""


Report = Callable[[Metrics, MakeCheckpoint], None]


@dataclass(frozen=True)
class SeldomReport:
    """A report of some epochs alone: after any other, validation is not read. A run with patience needs them all.

    Attributes:
        send: is called for those.
        is_due: (epoch, epochs of the run as planned now) -> whether it is one.
    """

    send: Report
    is_due: Callable[[int, int], bool]

    def __call__(self, metrics: Metrics, make: MakeCheckpoint, /) -> None:
        """Report an epoch that is due."""
        self.send(metrics, make)


def report_last(send: Report) -> SeldomReport:
    """Return what reports a run's last epoch."""
    return SeldomReport(send, lambda epoch, epochs: epoch == epochs)
