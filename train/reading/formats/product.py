"""An automaton and a check together: the automaton of the texts that fit one and obey the other."""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train.data.charset import Charset
from train.reading.automata.automaton import Automaton, Indices, make_automaton
from train.reading.formats.checks import Check

MOST_PLACES = 80
MOST_STATES, MOST_EDGES = 60_000, 1 << 21
Node = tuple[int, int]
"""A state of the automaton and the places that are filled."""


class TooManyStatesError(Exception):
    """The automaton would have more than MOST_STATES states, or MOST_EDGES transitions."""


@dataclass(frozen=True)
class _Step:
    node: Node
    number: int
    following: Node


def restrict(automaton: Automaton, check: Check, charset: Charset) -> Automaton:
    """Return the automaton of those texts that obey a check; one without starts if there are none.

    Its states are (length of the text, state, places filled, remainder so far): the length is chosen at the start. Of
    weights that repeat, length and places count modulo their number.

    Raises:
        TooManyStatesError: if that is too many.
    """
    alike = _alike(automaton, check, charset)
    steps = list(_steps(automaton, check, charset, alike))
    nodes = {(start, 0) for start in automaton.starts.tolist()} | {step.following for step in steps}
    lengths = {
        place for state, place in nodes if automaton.ends[state] and (check.period or check.fits(place))
    }
    parts, base = list[_Part](), 0
    for length in sorted(lengths):
        part = _Part(automaton, check, charset, length, _leading_to(automaton, steps, length), base)
        base += part.size
        if base > MOST_STATES:
            raise TooManyStatesError
        parts.append(part)
    return make_automaton(
        _written([move for part in parts for move in part.moves()], alike, check.modulus),
        np.concatenate([np.zeros(0, np.int64), *(part.starts() for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.ends() for part in parts)]),
        automaton.classes,
    )


def _written(
    moves: Sequence[tuple[int, int, int, int]], alike: Mapping[int, Indices], modulus: int
) -> Indices:
    """Return the transitions of moves (state, class, next state, term), those of the first remainder, for every one."""
    before, number, after, term = np.array(moves, np.int64).reshape(-1, 4).T
    times = np.array([len(alike[one]) for one in number.tolist()], np.int64)
    if times.sum() * modulus > MOST_EDGES:
        raise TooManyStatesError
    members = np.concatenate([np.zeros(0, np.int64), *(alike[one] for one in number.tolist())])
    before, after, term = (np.repeat(what, times)[:, None] for what in (before, after, term))
    remainders = np.arange(modulus)
    whole = np.broadcast_arrays(before + remainders, members[:, None], after + (remainders + term) % modulus)
    return np.stack(whole, axis=2).reshape(-1, 3)


def _alike(automaton: Automaton, check: Check, charset: Charset) -> dict[int, Indices]:
    """Return one class of each group for which check and automaton are alike, with all of the group."""
    edges = automaton.edges[np.argsort(automaton.edges[:, 1], kind="stable")]
    numbers, first = np.unique(edges[:, 1], return_index=True)
    groups: dict[object, list[int]] = defaultdict(list)
    for number, rows in zip(numbers.tolist(), np.split(edges[:, ::2], first[1:]), strict=True):
        character = charset.characters[number - 1]
        distinct = check.knows(character) or character in check.ignored
        groups[number if distinct else rows.tobytes()].append(number)
    return {own[0]: np.array(own) for own in groups.values()}


def _steps(automaton: Automaton, check: Check, charset: Charset, numbers: Container[int]) -> Iterator[_Step]:
    """Yield the transitions between nodes that can be reached, in MOST_PLACES places, by some classes."""
    moves: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for state, number, following in automaton.edges.tolist():
        if number in numbers:
            moves[state].append((number, following))
    todo = [(start, 0) for start in automaton.starts.tolist()]
    seen = set(todo)
    while todo:
        node = state, place = todo.pop()
        for number, following in moves[state]:
            after = place + _width(check, charset.characters[number - 1])
            reached = following, after % check.period if check.period else after
            if reached[1] > MOST_PLACES:
                continue
            yield _Step(node, number, reached)
            if reached not in seen:
                seen.add(reached)
                todo.append(reached)


def _width(check: Check, character: str) -> int:
    return 0 if character in check.ignored else check.width(character)


def _leading_to(automaton: Automaton, steps: list[_Step], length: int) -> list[_Step]:
    """Return the transitions on ways to an end after `length` places."""
    before: dict[Node, list[_Step]] = defaultdict(list)
    for step in steps:
        before[step.following].append(step)
    todo = [node for node in before if node[1] == length and automaton.ends[node[0]]]
    seen = set(todo)
    kept = []
    while todo:
        for step in before[todo.pop()]:
            kept.append(step)
            if step.node not in seen:
                seen.add(step.node)
                todo.append(step.node)
    return kept


class _Part:
    """The states for texts of one length: `base`, then for each node every remainder."""

    def __init__(
        self,
        automaton: Automaton,
        check: Check,
        charset: Charset,
        length: int,
        steps: list[_Step],
        base: int,
    ) -> None:
        self._automaton, self._check, self._charset, self._length = automaton, check, charset, length
        self._steps = steps
        nodes = sorted({node for step in steps for node in (step.node, step.following)})
        self._first = {node: base + check.modulus * i for i, node in enumerate(nodes)}
        self.size = check.modulus * len(nodes)

    def moves(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield a state, a class, the next state and a term; the states are those of the remainder 0."""
        for step in self._steps:
            for term in self._terms(step):
                yield self._first[step.node], step.number, self._first[step.following], term

    def _terms(self, step: _Step) -> tuple[int, ...]:
        character = self._charset.characters[step.number - 1]
        if character in self._check.ignored:
            return (0,)
        return self._check.terms(self._length, step.node[1], character)

    def starts(self) -> Indices:
        """Return the states to begin with: nothing filled, remainder 0."""
        begun = ((start, 0) for start in self._automaton.starts.tolist())
        return np.array([self._first[node] for node in begun if node in self._first], np.int64)

    def ends(self) -> Indices:
        """Return the states with everything filled and the right remainder."""
        done = (
            first
            for node, first in self._first.items()
            if node[1] == self._length and self._automaton.ends[node[0]]
        )
        return np.array([first + self._check.remainder for first in done], np.int64)
