"""What a search is doing now, as lines for people: pure functions of a state, without clock and Ray."""

from collections.abc import Sequence
from dataclasses import dataclass

from train.steps.position import Position

MOST = 6


@dataclass(frozen=True)
class AtWork:
    """One stage of a search.

    Attributes:
        what: is being done.
        began: Unix time.
        deadline: Unix time by which the stage has to end; None for no limit.
        items: what it is done with at the moment.
    """

    what: str
    began: float
    deadline: float | None = None
    items: Sequence[str] = ()


def format_plain_line(work: AtWork, now: float) -> str:
    """Return one line for a file: 'at work: training, 1:20, 3:40 left: 8f3a_00001 epoch 3/12, batch 17/29; ...'."""
    items = choose_items(work.items)
    return f"{format_head(work, now)}{': ' if items else ''}{'; '.join(items)}"


def format_live_lines(work: AtWork, now: float) -> list[str]:
    """Return what a terminal shows under the lines that stay: the stage, and a line for each item."""
    return [format_head(work, now), *(f"  {item}" for item in choose_items(work.items))]


def format_head(work: AtWork, now: float) -> str:
    """Say what is being done, for how long, and how much time is left."""
    left = "" if work.deadline is None else f", {format_minutes(work.deadline - now)} left"
    return f"at work: {work.what}, {format_minutes(now - work.began)}{left}"


def choose_items(items: Sequence[str]) -> list[str]:
    """Return the first items, and how many more there are."""
    more = len(items) - MOST
    return [*items[:MOST], *([f"and {more} more"] if more > 0 else [])]


def format_item(trial: str, position: Position | None) -> str:
    """Say where a trial is, '8f3a_00001 epoch 3/12, batch 17/29'."""
    if position is None:
        return f"{trial} before its first batch"
    fold = f"fold {position.fold}/{position.folds}, " if position.fold else ""
    done = position.batch == position.batches
    batch = "all batches done, validates" if done else f"batch {position.batch}/{position.batches}"
    return f"{trial} {fold}epoch {position.epoch}/{position.epochs}, {batch}"


def format_minutes(seconds: float) -> str:
    """Return a time as 3:07."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02}"
