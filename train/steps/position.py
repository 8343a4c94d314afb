"""Where a training is within its run, told after every batch, between two reports."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Position:
    """The last batch that was trained.

    Attributes:
        epoch: from 1.
        epochs: of the run, as planned now.
        batch: of the epoch, from 1.
        batches: of the epoch.
        fold: from 1, of so many `folds`; 0 for none.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    fold: int = 0
    folds: int = 0


Watch = Callable[[Position], None]


def watch_nothing(position: Position) -> None:
    """Do nothing: nobody watches."""


def watch_steps(steps: Iterable[T], watch: Watch, epoch: int, epochs: int, batches: int) -> Iterator[T]:
    """Yield the steps of an epoch; `watch` is called after each."""
    for batch, step in enumerate(steps, 1):
        yield step
        watch(Position(epoch, epochs, batch, batches))
