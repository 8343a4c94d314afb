"""The best text of CTC probabilities under an automaton, whatever it costs: every state at every step (Viterbi, 1967).

`best_paths` looks near the likeliest text, where the answer mostly is; this looks everywhere, in a time that depends on
the automaton and the steps alone.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.reading.automata.automaton import Automaton, Indices
from train.reading.decoding.choices import Nats
from train.reading.decoding.paths import Path
from train.reading.decoding.spelling import Costs

MOST_NUMBERS = 1 << 23
"""That are kept at a time, 32 MB; of a line that has more, all the same."""


class _Costs(NamedTuple):
    """What it costs each of N lines to stand somewhere after a step.

    Attributes:
        places: (N, P), in a character that led to a state.
        states: (N, S), in a blank.
    """

    places: Nats
    states: Nats


class _Leaving(NamedTuple):
    """What it costs each of N lines to go on from a state, (N, S) each.

    Attributes:
        cheapest: by any class but `last`.
        last: the class that the cheapest stands in.
        other: by `last`: what the cheapest costs that stands in another class.
    """

    cheapest: Nats
    last: npt.NDArray[np.int32]
    other: Nats


class Trellis:
    """An automaton as arrays; a place is a pair of a class and the state to which it led."""

    def __init__(self, automaton: Automaton, entry: Costs | None = None) -> None:
        """Sort the transitions by the places to which they lead, and these by their states.

        `entry`: (C,) what it costs to begin with each class; then no transition leads to a start.
        """
        edges = automaton.edges[np.lexsort((automaton.edges[:, 1], automaton.edges[:, 2]))]
        self._starts, self._ends = automaton.starts, automaton.ends
        self._entered = np.zeros(automaton.classes) if entry is None else entry
        self._origins, self._written = edges[:, 0], edges[:, 1].astype(np.int32)
        entered = np.zeros(len(edges)) if entry is None else entry[edges[:, 1]]
        self._entry = np.where(np.isin(edges[:, 0], automaton.starts), entered, 0.0).astype(np.float32)
        self._first = _begins(edges[:, 2] * automaton.classes + edges[:, 1])
        self._edges = np.append(self._first, len(edges))
        self._classes, self._states = edges[self._first, 1], edges[self._first, 2]
        self._begins = _begins(self._states)
        self._reached = self._states[self._begins]
        self._group = np.repeat(np.arange(len(self._begins)), np.diff(self._begins, append=len(self._states)))

    def best_paths(self, nats: Nats) -> list[Path | None]:
        """Return the cheapest text of each line, (N, T, C) nats below the likeliest class of each step.

        None where no text can be written in so few steps.
        """
        lines, steps, _ = nats.shape
        if not len(self._classes):
            return [None] * lines
        some = max(1, MOST_NUMBERS // (steps * (len(self._classes) + len(self._ends))))
        chunks = (nats[first : first + some] for first in range(0, lines, some))
        return [path for chunk in chunks for path in self._best_of(chunk)]

    def _best_of(self, slack: Nats) -> Iterator[Path | None]:
        states = np.full((len(slack), len(self._ends)), np.inf, np.float32)
        states[:, self._starts] = 0
        history = [_Costs(np.full((len(slack), len(self._classes)), np.inf, np.float32), states)]
        for step in range(slack.shape[1]):
            history.append(self._after(history[-1], slack[:, step]))
        for line, nats in enumerate(slack):
            yield self._traced([_Costs(places[line], states[line]) for places, states in history], nats)

    def _after(self, costs: _Costs, nats: Nats) -> _Costs:
        """Return the costs after a step whose classes cost so much, (N, C)."""
        leaving = self._leaving(costs)
        cheapest, last, other = (what.take(self._origins, axis=1) for what in leaving)
        entering = np.where(last == self._written, other, cheapest) + self._entry
        if len(self._first) < len(self._written):  # several transitions lead to a place
            entering = np.minimum.reduceat(entering, self._first, axis=1)
        places = np.minimum(entering, costs.places) + nats.take(self._classes, axis=1)
        return _Costs(places, leaving.cheapest + nats[:, BLANK, None])

    def _leaving(self, costs: _Costs) -> _Leaving:
        least = np.minimum.reduceat(costs.places, self._begins, axis=1)
        numbers = np.arange(len(self._classes), dtype=np.int32)
        here = np.where(costs.places == least.take(self._group, axis=1), numbers, numbers[-1])
        chosen = np.minimum.reduceat(here, self._begins, axis=1)
        others = costs.places.copy()
        np.put_along_axis(others, chosen, np.inf, axis=1)
        cheapest, other, last = (
            costs.states.copy(),
            costs.states.copy(),
            np.zeros(costs.states.shape, np.int32),
        )
        cheapest[:, self._reached] = np.minimum(cheapest[:, self._reached], least)
        second = np.minimum.reduceat(others, self._begins, axis=1)
        other[:, self._reached] = np.minimum(other[:, self._reached], second)
        last[:, self._reached] = self._classes[chosen]
        return _Leaving(cheapest, last, other)

    def _traced(self, history: list[_Costs], nats: Nats) -> Path | None:
        """Return the path of one line, whose classes cost (T, C), from its costs after every step."""
        places, states = history[-1]
        by_place, by_state = (
            np.where(self._ends[self._states], places, np.inf),
            np.where(self._ends, states, np.inf),
        )
        if min(by_place.min(), by_state.min()) == np.inf:
            return None
        place = int(by_place.argmin()) if by_place.min() < by_state.min() else -1
        state = int(by_state.argmin()) if place < 0 else int(self._states[place])
        last = np.zeros(len(nats) + 1, np.int64)
        for step in range(len(nats), 0, -1):
            last[step] = self._classes[place] if place >= 0 else BLANK
            place, state = self._before(history[step - 1], place, state)
        slack = float(nats[np.arange(len(nats)), last[1:]].sum(dtype=np.float64))
        begins = np.flatnonzero((last[1:] != BLANK) & (last[1:] != last[:-1]))
        written = tuple(last[1:][begins].tolist())
        entered = float(self._entered[written[0]]) if written else 0.0
        return Path(written, tuple(begins.tolist()), slack + entered, slack)

    def _before(self, costs: _Costs, place: int, state: int) -> tuple[int, int]:
        """Return place (-1: a blank) and state from which the cheapest way led to these."""
        if place < 0:
            return self._cheapest(costs, state, BLANK)[1:]
        number = int(self._classes[place])
        edges = range(self._edges[place], self._edges[place + 1])
        ways = [(float(costs.places[place]), place, state)]
        for edge in edges:
            cost, own, origin = self._cheapest(costs, int(self._origins[edge]), number)
            ways.append((cost + float(self._entry[edge]), own, origin))
        return min(ways)[1:]

    def _cheapest(self, costs: _Costs, state: int, number: int) -> tuple[float, int, int]:
        """Return what it costs to be ready for a class in a state, and the place (-1: a blank) and state of that."""
        first, end = np.searchsorted(self._states, [state, state + 1]).tolist()
        ways = np.where(self._classes[first:end] == number, np.inf, costs.places[first:end])
        if len(ways) and ways.min() < costs.states[state]:
            return float(ways.min()), first + int(ways.argmin()), state
        return float(costs.states[state]), -1, state


def _begins(sorted_values: Indices) -> Indices:
    """Return where each value begins."""
    return np.flatnonzero(np.diff(sorted_values, prepend=-1))
