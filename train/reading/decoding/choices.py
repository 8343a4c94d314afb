"""The classes within reach at each step of CTC probabilities, without the steps that decide nothing."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.reading.automata.automaton import Indices
from train.reading.decoding.grammar import Costs

Flags = npt.NDArray[np.bool_]


class Choices(NamedTuple):
    """The classes within reach at the steps that matter, line by line and step by step.

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
    nats: npt.NDArray[np.floating]
    left: Indices
    certain: list[bool]

    def slack_of(self, line: Indices, classes: Indices) -> Costs:
        """Return what ways to read lines, (M,) and (M, S), cost without a grammar."""
        nats = self.nats[line[:, None], self.columns[line], classes]
        more = self.first[line] == len(self.classes) - 1
        costs: Costs = np.where(more, 0.0, nats).sum(axis=1, dtype=np.float64)
        return costs


def find_choices(log_probabilities: npt.NDArray[np.floating], within: Costs) -> Choices:
    """Find the classes that are at most `within` (N,) nats below the likeliest of each step, (N, T, C)."""
    best = log_probabilities.argmax(axis=2)
    slack = np.take_along_axis(log_probabilities, best[:, :, None], axis=2) - log_probabilities
    reachable = slack <= within[:, None, None]
    counts = _settle(reachable, best)
    matters = np.ones(best.shape, bool)  # but where a step allows only the one class of the step before it
    matters[:, 1:] = (counts[:, 1:] > 1) | (counts[:, :-1] > 1) | (best[:, 1:] != best[:, :-1])
    line, step, number = np.nonzero(reachable & matters[:, :, None])
    steps = int(matters.sum(axis=1).max(initial=0))
    order = np.argsort(~matters, axis=1, kind="stable")[:, :steps]  # what matters first, in its order
    kept = np.take_along_axis(np.where(matters, counts, 0), order, axis=1)
    first = (np.cumsum(kept) - kept.ravel()).reshape(kept.shape)
    first[kept == 0] = len(number)
    nats = slack[line, step, number].astype(np.float64)
    return Choices(
        np.append(number, BLANK),
        np.append(nats, 0.0),
        first,
        np.maximum(kept, 1),
        order,
        slack,
        (kept > 0).sum(axis=1, keepdims=True) - (kept > 0).cumsum(axis=1),
        [most <= 1 for most in kept.max(axis=0).tolist()],
    )


def _settle(reachable: Flags, best: Indices) -> Indices:
    """Leave the likeliest class alone where the others write the same; return (N, T) how many are left.

    Between two steps of one class each, which differ, either of these and the blank give the same text.
    """
    counts: Indices = reachable.sum(axis=2)
    if best.shape[1] < 3:
        return counts
    before, after = best[:, :-2, None], best[:, 2:, None]
    middle = reachable[:, 1:-1]
    alike = np.take_along_axis(middle, before, 2) + np.take_along_axis(middle, after, 2).astype(np.int64)
    alike = alike[:, :, 0] + (middle[:, :, BLANK] & (best[:, :-2] != BLANK) & (best[:, 2:] != BLANK))
    settled = (counts[:, :-2] == 1) & (counts[:, 2:] == 1) & (best[:, :-2] != best[:, 2:])
    line, step = np.nonzero(settled & (counts[:, 1:-1] == alike) & (alike > 1))
    reachable[line, step + 1] = False
    reachable[line, step + 1, best[line, step + 1]] = True
    counts[line, step + 1] = 1
    return counts
