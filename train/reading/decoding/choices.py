"""The classes within reach at each step of CTC probabilities, without the steps that decide nothing."""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.reading.automata.automaton import Indices
from train.reading.decoding.spelling import Costs

SMALLEST = 1e-30
Nats = npt.NDArray[np.float32]
Options = Sequence[tuple[float, int]]
"""Nats below the likeliest class, and class; the likeliest first."""


class Step(NamedTuple):
    """A choice, and what is certain after it.

    Attributes:
        column: in the probabilities.
        options: the classes within reach; a blank alone where a line begins without a choice.
        certain: column and class of the steps up to the next choice that write something, or end a character.
    """

    column: int
    options: Options
    certain: list[tuple[int, int]]


Steps = Sequence[Step]


class Lines:
    """What a network says of some lines."""

    def __init__(self, probabilities: npt.NDArray[np.floating]) -> None:
        """Keep the probabilities, (N, T, C); what is to be known of them is found when it is asked for."""
        self._probabilities = probabilities
        self._latest: tuple[Costs, list[Steps]] | None = None

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
            within, steps = self._latest
            some._latest = within[list(chosen)], [steps[line] for line in chosen]
        return some

    def begun(self) -> Costs:
        """Return the nats that it takes to begin with each class, (N, C); with the blank: to write nothing."""
        blank = self.nats[:, :, BLANK].cumsum(axis=1)
        before = blank - self.nats[:, :, BLANK]
        begun = (before[:, :, None] + self.nats).min(axis=1)
        begun[:, BLANK] = blank[:, -1]
        return np.asarray(begun, np.float64)

    def steps(self, within: Costs) -> list[Steps]:
        """Return the steps of each with the classes that are at most `within` (N,) nats below the likeliest."""
        if self._latest is None or not np.array_equal(self._latest[0], within):
            self._latest = within, find_steps(self.nats, within)
        return self._latest[1]


def find_steps(nats: Nats, within: Costs) -> list[Steps]:
    """Return the steps of each line, (N, T, C), with the classes that are at most `within` (N,) nats below the best."""
    line, column, number = np.nonzero(nats <= within[:, None, None])
    own = nats[line, column, number]
    order = np.lexsort((own, column, line))
    options = list(zip(own[order].tolist(), number[order].tolist(), strict=True))
    begins = np.searchsorted(line * nats.shape[1] + column, np.arange(nats.shape[0] * nats.shape[1] + 1))
    spans = [options[first:last] for first, last in pairwise(begins.tolist())]
    some = nats.shape[1]
    return [_steps(spans[first : first + some]) for first in range(0, len(spans), some or 1)]


def _steps(spans: Sequence[Options]) -> Steps:
    """Return the choices of a line; a step with the one class of the step before it decides nothing."""
    found, alone, last = list[Step](), [len(options) == 1 for options in spans], len(spans) - 1
    before = BLANK
    for column, options in enumerate(spans):
        certain = alone[column]
        if not certain and len(options) < 4 and 0 < column < last and alone[column - 1] and alone[column + 1]:
            certain = _writes_alike(spans[column - 1][0][1], options, spans[column + 1][0][1])
        if not certain:
            found.append(Step(column, options, []))
            before = -1
        elif (number := options[0][1]) != before:
            if not found:
                found.append(Step(0, [(0.0, BLANK)], []))
            found[-1].certain.append((column, number))
            before = number
    return found or [Step(0, [(0.0, BLANK)], [])]


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

    def slack_of(self, line: Indices, classes: Indices) -> Costs:
        """Return what ways to read lines, (M,) and (M, S), cost without a grammar."""
        nats = self.nats[line[:, None], self.columns[line], classes]
        more = self.first[line] == len(self.classes) - 1
        costs: Costs = np.where(more, 0.0, nats).sum(axis=1, dtype=np.float64)
        return costs


def make_choices(lines: Lines, within: Costs) -> Choices:
    """Return the steps of lines, with the classes `within` reach, as arrays."""
    found = [_flat(steps) for steps in lines.steps(within)]
    most = max(map(len, found), default=0)
    counts, columns = np.zeros((2, len(lines), most), np.int64)
    for row, places, steps in zip(counts, columns, found, strict=True):
        row[: len(steps)] = [len(options) for _, options in steps]
        places[: len(steps)] = [column for column, _ in steps]
    options = [option for steps in found for _, own in steps for option in own]
    first = (np.cumsum(counts) - counts.ravel()).reshape(counts.shape)
    first[counts == 0] = len(options)
    return Choices(
        np.array([number for _, number in options] + [BLANK], np.int64),
        np.array([own for own, _ in options] + [0.0]),
        first,
        np.maximum(counts, 1),
        columns,
        lines.nats,
        (counts > 0).sum(axis=1, keepdims=True) - (counts > 0).cumsum(axis=1),
        (counts.max(axis=0, initial=0) <= 1).tolist(),
    )


def _flat(steps: Steps) -> list[tuple[int, Options]]:
    """Return column and options of all steps, the certain ones, too."""
    found = list[tuple[int, Options]]()
    for column, options, certain in steps:
        found.append((column, options))
        found += [(place, [(0.0, number)]) for place, number in certain]
    return found
