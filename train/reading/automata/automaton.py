"""Automata over the classes of a charset: which class may follow in which state."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK

Indices = npt.NDArray[np.int64]
LARGEST_TABLE = 1 << 21
Number_co = TypeVar("Number_co", covariant=True)


class Lookup(Protocol[Number_co]):
    """What answers one by one: a table, or what has no room in one."""

    def __getitem__(self, place: int, /) -> Number_co:
        """Return the answer to a number."""
        ...


class Moves(NamedTuple):
    """Transitions of some states under some classes: from the `origin`-th of them to `states`; each (M,)."""

    origin: Indices
    states: Indices


@dataclass(frozen=True, eq=False)
class Automaton:
    """States and transitions; one state may have several transitions under a class.

    Attributes:
        edges: (E, 3) int64, rows (state, class, next state), sorted; every state leads to an end.
        starts: states to begin with.
        ends: (S,) bool, where a text may end.
        classes: of the charset, the blank (0) included.
        needed: (S, 2) steps of a line that it takes from each state, or after a blank there, to the nearest end, or
            fewer; of lexicons alone, which have too many states to look at all of them.
    """

    edges: Indices
    starts: Indices
    ends: npt.NDArray[np.bool_]
    classes: int
    needed: Indices | None = None

    @cached_property
    def starting(self) -> npt.NDArray[np.bool_]:
        """(S,) whether each state is one to begin with."""
        starting = np.zeros(len(self.ends), bool)
        starting[self.starts] = True
        return starting

    @cached_property
    def _sorted(self) -> tuple[Indices, Indices]:
        """Keys, state * classes + class, of all transitions, and where they lead; the blank leads nowhere else."""
        states = np.arange(len(self.ends))
        keys = np.concatenate(
            [self.edges[:, 0] * self.classes + self.edges[:, 1], states * self.classes + BLANK]
        )
        order = np.argsort(keys, kind="stable")
        return keys[order], np.concatenate([self.edges[:, 2], states])[order]

    @cached_property
    def _table(self) -> Indices | None:
        """(S * classes,) where each key leads, -1: nowhere; None if one leads to several states, or it is too large."""
        keys, following = self._sorted
        size = len(self.ends) * self.classes
        if size > LARGEST_TABLE or (keys[1:] == keys[:-1]).any():
            return None
        table = np.full(size, -1)
        table[keys] = following
        return table

    def moves(self, states: Indices, classes: Indices) -> Moves:
        """Return all transitions of pairs (state, class), each (M,); a blank changes no state."""
        wanted = states * self.classes + classes
        if self._table is not None:
            following = self._table[wanted]
            origin = np.flatnonzero(following >= 0)
            return Moves(origin, following[origin])
        keys, following = self._sorted
        first = np.searchsorted(keys, wanted, "left")
        return _spread(following, first, np.searchsorted(keys, wanted, "right") - first)

    @cached_property
    def _first(self) -> Indices:
        return np.searchsorted(self.edges[:, 0], np.arange(len(self.ends) + 1))

    def count_allowed(self, states: Indices) -> Indices:
        """Return how many transitions each state has."""
        return np.asarray(self._first[states + 1] - self._first[states])

    def allowed(self, states: Indices) -> Moves:
        """Return the classes under which states have transitions, as `Moves` to classes."""
        return _spread(self.edges[:, 1], self._first[states], self.count_allowed(states))

    @cached_property
    def following(self) -> Lookup[int] | None:
        """State * classes + class -> state, -1: none; None where a class may lead to several states."""
        if self._table is not None:
            return self._table.data
        keys, following = self._rows
        return None if (self._sorted[0][1:] == self._sorted[0][:-1]).any() else _Row(keys, following)

    @cached_property
    def _rows(self) -> tuple["array[int]", "array[int]"]:
        """What is sorted as Python's own numbers, which are faster one by one."""
        keys, following = self._sorted
        return array("q", keys.tobytes()), array("q", following.tobytes())

    def accepts(self, classes: Sequence[int]) -> bool:
        """Whether a text, given by its classes, is one of the automaton's."""
        found = self.starts.tolist()
        if self.following is not None and len(found) == 1:
            state, following, size = found[0], self.following, self.classes
            for number in classes:
                state = following[state * size + number]
                if state < 0:
                    return False
            return bool(self.ends[state])
        states, (keys, following) = set(found), self._rows
        for number in classes:
            wanted = [state * self.classes + number for state in states]
            spans = [(bisect_left(keys, key), bisect_right(keys, key)) for key in wanted]
            states = {state for first, last in spans for state in following[first:last]}
        return any(self.ends[state] for state in states)


@dataclass(frozen=True)
class _Row:
    """Numbers by their sorted keys."""

    keys: "array[int]"
    numbers: "array[int]"

    def __getitem__(self, key: int, /) -> int:
        place = bisect_left(self.keys, key)
        return self.numbers[place] if place < len(self.keys) and self.keys[place] == key else -1


def _spread(values: Indices, first: Indices, counts: Indices) -> Moves:
    """Return of each state `counts` values from its `first` on."""
    origin = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(origin)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Moves(origin, values[first[origin] + within])


def make_automaton(edges: Indices, starts: Indices, ends: Indices, classes: int) -> Automaton:
    """Return an automaton without the states from or through which no text comes to an end.

    Args:
        edges: (E, 3), rows (state, class, next state).
        starts: states to begin with.
        ends: states where a text may end.
        classes: of the charset.
    """
    edges, starts, ends = (np.asarray(rows, np.int64) for rows in (edges, starts, ends))
    edges = edges.reshape(-1, 3)
    size = 1 + max(int(rows.max(initial=-1)) for rows in (edges[:, ::2], starts, ends))
    alive = _reached(edges[:, 0], edges[:, 2], starts, size) & _reached(edges[:, 2], edges[:, 0], ends, size)
    number = np.cumsum(alive) - 1
    edges = edges[alive[edges[:, 0]] & alive[edges[:, 2]]]
    edges = np.stack([number[edges[:, 0]], edges[:, 1], number[edges[:, 2]]], axis=1)
    accepted = np.zeros(int(alive.sum()), bool)
    accepted[number[ends[alive[ends]]]] = True
    order = np.lexsort((edges[:, 2], edges[:, 1], edges[:, 0]))
    return Automaton(edges[order], number[starts[alive[starts]]], accepted, classes)


def with_own_starts(automaton: Automaton) -> Automaton:
    """Return the automaton with starts to which no text comes back."""
    starts, size = automaton.starts, len(automaton.ends)
    if not np.isin(automaton.edges[:, 2], starts).any():
        return automaton
    number = np.full(size, -1)
    number[starts] = size + np.arange(len(starts))
    first = automaton.edges[number[automaton.edges[:, 0]] >= 0]
    first = np.column_stack([number[first[:, 0]], first[:, 1:]])
    edges = np.concatenate([automaton.edges, first])
    return Automaton(
        edges[np.lexsort((edges[:, 2], edges[:, 1], edges[:, 0]))],
        number[starts],
        np.append(automaton.ends, automaton.ends[starts]),
        automaton.classes,
        None if automaton.needed is None else np.concatenate([automaton.needed, automaton.needed[starts]]),
    )


def _reached(source: Indices, target: Indices, begin: Indices, size: int) -> npt.NDArray[np.bool_]:
    """Return which of `size` states are reached from those to begin with."""
    found = np.zeros(size, bool)
    order = np.argsort(source, kind="stable")
    first = np.searchsorted(source[order], np.arange(size + 1))
    latest = np.unique(begin)
    while len(latest):
        found[latest] = True
        after = np.unique(_spread(target[order], first[latest], first[latest + 1] - first[latest]).states)
        latest = after[~found[after]]
    return found
