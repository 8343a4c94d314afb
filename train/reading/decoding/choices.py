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
    """A step of a line that matters: where it is in the probabilities, and the classes within reach."""

    column: int
    options: Options


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
    """Return the steps that matter: not those with the one class of the step before alone."""
    found, before = list[Step](), -1
    for column, (earlier, own, later) in enumerate(zip([(), *spans], spans, [*spans[1:], ()], strict=False)):
        options = _settled(earlier, own, later) if len(own) > 1 else own
        alone = options[0][1] if len(options) == 1 else -1
        if alone < 0 or alone != before:
            found.append(Step(column, options))
        before = alone
    return found


def _settled(before: Options, options: Options, after: Options) -> Options:
    """Return the likeliest class alone where the others write the same.

    Between two steps of one class each, which differ, either of these and the blank give the same text.
    """
    if len(before) != 1 or len(after) != 1 or len(options) > 3:
        return options
    alike = {before[0][1], after[0][1], BLANK}
    if before[0][1] == after[0][1]:
        return options
    return options[:1] if all(number in alike for _, number in options) else options


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
    found = lines.steps(within)
    most = max(map(len, found), default=0)
    counts, columns = np.zeros((2, len(lines), most), np.int64)
    for row, places, steps in zip(counts, columns, found, strict=True):
        row[: len(steps)] = [len(step.options) for step in steps]
        places[: len(steps)] = [step.column for step in steps]
    options = [option for steps in found for step in steps for option in step.options]
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
