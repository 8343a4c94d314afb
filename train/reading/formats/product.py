"""An automaton and a check together: the automaton of the texts that fit one and obey the other."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from train.data.charset import Charset
from train.reading.automata.automaton import Automaton, Indices, make_automaton
from train.reading.formats.checks import Check

MOST_PLACES = 80
MOST_STATES = 60_000
Node = tuple[int, int]
"""A state of the automaton and the places that are filled."""


class TooManyStatesError(Exception):
    """The automaton would have more than MOST_STATES states."""


@dataclass(frozen=True)
class _Step:
    node: Node
    number: int
    following: Node


def obeying(automaton: Automaton, check: Check, charset: Charset) -> Automaton:
    """Return the automaton of those texts that obey a check; one without starts if there are none.

    Its states are (length of the text, state, places filled, remainder so far): the length is chosen at the start.

    Raises:
        TooManyStatesError: if that is too many.
    """
    steps = list(_steps(automaton, check, charset))
    lengths = {
        place
        for node in {(start, 0) for start in automaton.starts.tolist()} | {step.following for step in steps}
        for state, place in [node]
        if automaton.ends[state] and check.fits(place)
    }
    parts, base = [], 0
    for length in sorted(lengths):
        part = _Part(automaton, check, charset, length, _leading_to(automaton, steps, length), base)
        base += part.size
        if base > MOST_STATES:
            raise TooManyStatesError
        parts.append(part)
    edges = [rows for part in parts for rows in part.edges()]
    return make_automaton(
        np.concatenate([np.zeros((0, 3), np.int64), *edges]),
        np.concatenate([np.zeros(0, np.int64), *(part.starts() for part in parts)]),
        np.concatenate([np.zeros(0, np.int64), *(part.ends() for part in parts)]),
        automaton.classes,
    )


def _steps(automaton: Automaton, check: Check, charset: Charset) -> Iterator[_Step]:
    """Yield the transitions between nodes that can be reached, in MOST_PLACES places."""
    moves: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for state, number, following in automaton.edges.tolist():
        moves[state].append((number, following))
    todo = [(start, 0) for start in automaton.starts.tolist()]
    seen = set(todo)
    while todo:
        node = state, place = todo.pop()
        for number, following in moves[state]:
            reached = following, place + _width(check, charset.characters[number - 1])
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

    def edges(self) -> Iterator[Indices]:
        """Yield (modulus, 3) transitions, one for each remainder."""
        remainders = np.arange(self._check.modulus)
        for step in self._steps:
            for term in self._terms(step):
                reached = self._first[step.following] + (remainders + term) % self._check.modulus
                number = np.full_like(remainders, step.number)
                yield np.stack([self._first[step.node] + remainders, number, reached], axis=1)

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
