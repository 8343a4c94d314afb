"""The classes within reach at each step of CTC probabilities, without the steps that decide nothing."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.reading.automata.automaton import Indices
from train.reading.decoding.spelling import Costs
from train.scoring.ctc import SMALLEST

Nats = npt.NDArray[np.float32]
Options = Sequence[tuple[float, int]]
"""Nats below the likeliest class, and class; the likeliest first."""
NOTHING: Options = ((0.0, BLANK),)
FEW, MOST_OPTIONS = 4, 20_000
"""Options of a step that are few, and those of a line's other steps up to which they are listed, for `narrow.py`."""


class Step(NamedTuple):
    """A choice, and what is certain after it.

    Attributes:
        column: in the probabilities.
        ways: classes within reach; 0 where a line begins without a choice, and where it has no numbers.
        options: these classes, or a blank alone; empty where a line has too many to list them.
        certain: column and class of the steps up to the next choice that write something, or end a character.
    """

    column: int
    ways: int
    options: Options
    certain: list[tuple[int, int]]


Steps = Sequence[Step]


class Reach(NamedTuple):
    """What is within reach in some lines.

    Attributes:
        classes: (K,) of all steps; where they are listed the likeliest of each first.
        slack: (K,) nats below that one.
        begins: (N, T) where a step begins in these.
        steps: of each line.
    """

    classes: Indices
    slack: Nats
    begins: Indices
    steps: list[Steps]


class Lines:
    """What a network says of some lines."""

    def __init__(self, probabilities: npt.NDArray[np.floating]) -> None:
        """Keep the probabilities, (N, T, C); what is to be known of them is found when it is asked for."""
        self._probabilities = probabilities
        self._latest: tuple[Costs, Reach] | None = None

    def __len__(self) -> int:
        """Return how many they are."""
        return len(self._probabilities)

    @cached_property
    def nats(self) -> Nats:
        """By how many nats each class is less likely than the likeliest one of its step, (N, T, C)."""
        logs = np.log(np.maximum(self._probabilities, SMALLEST))
        return np.asarray(logs.max(axis=2, keepdims=True) - logs, np.float32)

    def only(self, chosen: Sequence[int]) -> "Lines":
        """Return some of them."""
        if len(chosen) == len(self):
            return self
        some = Lines(self._probabilities[list(chosen)])
        if self._latest is not None:
            within, reach = self._latest
            steps = [reach.steps[line] for line in chosen]
            some._latest = (
                within[list(chosen)],
                reach._replace(begins=reach.begins[list(chosen)], steps=steps),
            )
        return some

    def begun(self) -> Costs:
        """Return the nats that it takes to begin with each class, (N, C); with the blank: to write nothing."""
        blank = self.nats[:, :, BLANK].cumsum(axis=1)
        before = blank - self.nats[:, :, BLANK]
        begun = (before[:, :, None] + self.nats).min(axis=1)
        begun[:, BLANK] = blank[:, -1]
        return np.asarray(begun, np.float64)

    def reach(self, within: Costs) -> Reach:
        """Return the classes at each step that are at most `within` (N,) nats below the likeliest."""
        if self._latest is None or not np.array_equal(self._latest[0], within):
            self._latest = within, find_reach(self.nats, within)
        return self._latest[1]


def find_reach(nats: Nats, within: Costs) -> Reach:
    """Return the classes of each line, (N, T, C), that are at most `within` (N,) nats below the likeliest."""
    line, column, number = np.nonzero(nats <= within[:, None, None])
    lines, columns, _ = nats.shape
    step, own = line * columns + column, nats[line, column, number]
    counts = np.bincount(step, minlength=lines * columns)
    begins = (counts.cumsum() - counts).reshape(lines, columns)
    counts = counts.reshape(lines, columns)
    wide = [False] * lines
    if len(own) <= MOST_OPTIONS:
        order = np.lexsort((own, step))
        own, number = own[order], number[order]
    else:
        sizes = np.where(counts >= FEW, counts, 0).sum(axis=1) > MOST_OPTIONS
        # To sort the others takes long.
        listed = (~sizes[:, None] | (counts < FEW)).ravel()[step].nonzero()[0]
        order = listed[np.lexsort((own[listed], step[listed]))]
        own[listed], number[listed] = own[order], number[order]
        wide = sizes.tolist()
    each = zip(begins.tolist(), counts.tolist(), wide, strict=True)
    return Reach(number, own, begins, [_steps(_options(own, number, *some), some[1]) for some in each])


def _options(
    slack: Nats, classes: Indices, begins: list[int], counts: list[int], wide: bool
) -> list[Options]:
    """Return the options of a line's steps; of a `wide` one where they are few alone."""
    if not begins:
        return []
    start = begins[0]
    if wide:
        ends = [first + count * (count < FEW) for first, count in zip(begins, counts, strict=True)]
        few = map(slice, begins, ends)
        return [list(zip(slack[own].tolist(), classes[own].tolist(), strict=True)) for own in few]
    own = slice(start, begins[-1] + counts[-1])
    found = list(zip(slack[own].tolist(), classes[own].tolist(), strict=True))
    return [found[first - start : first - start + count] for first, count in zip(begins, counts, strict=True)]


def _steps(spans: Sequence[Options], counts: Sequence[int]) -> Steps:
    """Return the choices of a line; a step with the one class of the step before it decides nothing."""
    found, alone, last = list[Step](), [count == 1 for count in counts], len(spans) - 1
    before = BLANK
    for column, (options, count) in enumerate(zip(spans, counts, strict=True)):
        certain = alone[column]
        if 1 < count < FEW and 0 < column < last and alone[column - 1] and alone[column + 1]:
            certain = _writes_alike(spans[column - 1][0][1], options, spans[column + 1][0][1])
        if not certain:
            found.append(Step(column, count, options if count else NOTHING, []))
            before = -1
        elif (number := options[0][1]) != before:
            if not found:
                found.append(Step(0, 0, NOTHING, []))
            found[-1].certain.append((column, number))
            before = number
    return found or [Step(0, 0, NOTHING, [])]


def _writes_alike(before: int, options: Options, after: int) -> bool:
    """Whether all options write the same: between two classes that differ, either of these, or the blank."""
    return before != after and all(number in (before, after, BLANK) for _, number in options)


class Choices(NamedTuple):
    """The steps of some lines as arrays.

    Attributes:
        classes: (K + 1,) of all of them, and a blank for the steps that a line has fewer than others.
        slack: (K + 1,) nats below the likeliest class of the step.
        first: (N, S) where a line's step begins in these.
        counts: (N, S) how many it has.
        columns: (N, S) the step in the probabilities.
        nats: (N, T, C) below the likeliest class, of all.
        left: (N, S) steps of a line that come after it.
        certain: (S,) whether no line has a choice.
    """

    classes: Indices
    slack: Costs
    first: Indices
    counts: Indices
    columns: Indices
    nats: Nats
    left: Indices
    certain: list[bool]

    def open_at(self, step: int) -> npt.NDArray[np.bool_]:
        """Return which lines, (N,), have a choice at a step."""
        return np.asarray(self.counts[:, step] > 1)

    def slack_of(self, line: Indices, classes: Indices) -> Costs:
        """Return what ways to read lines, (M,) and (M, S), cost without a grammar."""
        nats = self.nats[line[:, None], self.columns[line], classes]
        more = self.first[line] == len(self.classes) - 1
        costs: Costs = np.where(more, 0.0, nats).sum(axis=1, dtype=np.float64)
        return costs


def make_choices(lines: Lines, within: Costs) -> Choices:
    """Return the steps of lines, with the classes `within` reach, as arrays."""
    reach = lines.reach(within)
    found = [_flat(steps) for steps in reach.steps]
    most = max(map(len, found), default=0)
    counts, columns = np.zeros((2, len(lines), most), np.int64)
    for row, places, steps in zip(counts, columns, found, strict=True):
        row[: len(steps)] = [count for _, count in steps]
        places[: len(steps)] = [column for column, _ in steps]
    begins = np.take_along_axis(reach.begins, columns, 1)
    return Choices(
        np.append(reach.classes, BLANK),
        np.append(reach.slack, 0.0),
        np.where(counts > 0, begins, len(reach.classes)),
        np.maximum(counts, 1),
        columns,
        lines.nats,
        (counts > 0).sum(axis=1, keepdims=True) - (counts > 0).cumsum(axis=1),
        (counts.max(axis=0, initial=0) <= 1).tolist(),
    )


def _flat(steps: Steps) -> list[tuple[int, int]]:
    """Return column and number of options of all steps, the certain ones, too."""
    found = list[tuple[int, int]]()
    for column, ways, _, certain in steps:
        found.append((column, ways))
        found += [(place, 1) for place, _ in certain]
    return found
