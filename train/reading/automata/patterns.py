"""Patterns as automata: over all characters, to tell whether a text obeys, and over the classes of a charset.

`greenery` makes automata of patterns, too, in a time that grows with the square of a repetition's bound and without any
limit; here states are made as they are met, and a pattern that is too large is refused.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce
from threading import Lock
from typing import NamedTuple

import numpy as np

from train.data.charset import Charset
from train.data.texts.forms import normal_form
from train.errors import UsageError
from train.reading.automata.automaton import Automaton, make_automaton
from train.reading.automata.dialect import Dialect

LISTED, SHOWN, PATTERNS = 8, 200, 64
MOST_KEPT = 20_000
MOST_STEPS, MOST_STATES, MOST_EDGES = 2_000_000, 10_000, 1 << 21
"""What an automaton may take to make, and to hold: some six seconds and 50 MB."""
States = frozenset[int]
Symbols = frozenset[int]
Spellings = Mapping[tuple[Symbols, ...], Sequence[tuple[int, ...]]]


class Patterns:
    """Patterns of which a text must fit one; a state is a set of expressions, one of which must fit the rest of it."""

    def __init__(self, *patterns: str) -> None:
        """Parse them; raise UsageError for one that cannot be used."""
        dialect = Dialect()
        roots = [dialect.parse(one) for one in patterns]
        self._expressions, self._named = dialect.expressions, dialect.named
        self.names = tuple(dialect.symbols)
        self._symbols = [re.compile(name) for name in dialect.symbols]
        self.begin: States = frozenset(roots)
        self._fitting: dict[str, Symbols] = {}
        self._after: dict[tuple[States, Symbols], States] = {}
        self._making = Lock()

    def accepts(self, text: str) -> bool:
        """Whether a whole text fits."""
        states = self.begin
        for character in text:
            states = self.after(states, self.fitting(character))
            if not states:
                return False
        return self.ends(states)

    def ends(self, states: States) -> bool:
        """Whether a text may end in one of some states."""
        return any(map(self._expressions.ends, states))

    def fitting(self, character: str) -> Symbols:
        """Return the symbols that stand for a character."""
        found = self._fitting.get(character)
        if found is None:
            fits = (number for number, symbol in enumerate(self._symbols) if symbol.fullmatch(character))
            found = self._fitting[character] = frozenset(fits)
        return found

    def after(self, states: States, symbols: Symbols) -> States:
        """Return the states after a character for which some symbols stand."""
        key = (states, symbols)
        if (found := self._after.get(key)) is not None:
            return found
        with self._making:  # expressions are numbered as they are met, and threads share them
            if len(self._after) > MOST_KEPT:
                self._after.clear()
            ways = ((symbol, rest) for state in states for symbol, rest in self._expressions.ways(state))
            found = self._after[key] = frozenset(rest for symbol, rest in ways if symbol in symbols)
            return found

    def spellings(self, charset: Charset) -> dict[tuple[Symbols, ...], list[tuple[int, ...]]]:
        """Return how a charset writes what some symbols stand for: a class, or those of a letter and its marks."""
        found: dict[tuple[Symbols, ...], list[tuple[int, ...]]] = defaultdict(list)
        for number, character in enumerate(charset.characters, 1):
            found[tuple(map(self.fitting, normal_form(character)))].append((number,))
        for character in sorted(self._named):
            if len(parts := charset.encode(character)) > 1:
                found[(self.fitting(character),)].append(tuple(parts))
        return {symbols: ways for symbols, ways in found.items() if all(symbols)}


@lru_cache(PATTERNS)
def parsed(*patterns: str) -> Patterns:
    """Return patterns; raise UsageError for one that cannot be used."""
    return Patterns(*patterns)


def patterns_automaton(patterns: Sequence[str], charset: Charset) -> Automaton:
    """Return the automaton of the texts that fit one of some patterns, over the classes of a charset.

    Raises:
        UsageError: for what cannot be used or is too large, or where the charset can write no such text.
    """
    found, shown = parsed(*patterns), " or ".join(map(repr, patterns))[:SHOWN]
    spellings = found.spellings(charset)
    moves = _moves(found, spellings, alone=False) or _moves(found, spellings, alone=True)
    if moves is None:
        raise UsageError(
            f"a pattern must need at most {MOST_STATES} states, {MOST_EDGES} ways to go on from them, "
            "and a few seconds to make them",
            f"{shown} with {charset.classes - 1} characters",
            "repeat less, or without a bound (a* for a{0,9999}), or use a smaller charset",
        )
    made = _written(moves, spellings, charset)
    if not len(made.edges):
        able = {symbol for symbols in spellings for own in symbols for symbol in own}
        lacking = [name for number, name in enumerate(found.names) if number not in able][:LISTED]
        raise UsageError(
            "the charset must be able to write a text of the pattern",
            f"{shown} and a charset without {', '.join(lacking) or 'some of its characters'}",
            "mend the pattern, or train with labels that hold these characters",
        )
    return made


class _Moves(NamedTuple):
    """How to go on from each state; the first one is 0.

    Attributes:
        ways: rows (state, number of a spelling, next state).
        ends: where a text may end.
        states: how many there are.
    """

    ways: list[tuple[int, int, int]]
    ends: list[int]
    states: int


def _moves(patterns: Patterns, spellings: Spellings, alone: bool) -> _Moves | None:
    """Return the ways between all states that can be reached; None if that takes too much.

    `alone`: each expression is a state of its own: there are fewer then, and several ways under a class.
    """
    numbers, todo = {patterns.begin: 0}, [patterns.begin]
    ways, ends, steps, edges = list[tuple[int, int, int]](), list[int](), 0, 0
    while todo:
        states = todo.pop()
        own = numbers[states]
        ends += [own] if patterns.ends(states) else []
        for spelling, (symbols, written) in enumerate(spellings.items()):
            following = reduce(patterns.after, symbols, states)
            steps += 1 + len(states) + len(following)
            for one in (
                [frozenset([state]) for state in following] if alone else [following] * bool(following)
            ):
                if one not in numbers:
                    numbers[one] = len(numbers)
                    todo.append(one)
                ways.append((own, spelling, numbers[one]))
                edges += len(written)
        if steps > MOST_STEPS or len(numbers) > MOST_STATES or edges > MOST_EDGES:
            return None
    return _Moves(ways, ends, len(numbers))


def _written(moves: _Moves, spellings: Spellings, charset: Charset) -> Automaton:
    """Return the automaton of moves; what is spelt with several classes has states of its own in between."""
    ways = np.array(moves.ways, np.int64).reshape(-1, 3)
    edges, size = [np.zeros((0, 3), np.int64)], moves.states
    for number, written in enumerate(spellings.values()):
        own = ways[ways[:, 1] == number]
        single = np.array([classes[0] for classes in written if len(classes) == 1], np.int64)
        made = np.repeat(own, len(single), axis=0)
        made[:, 1] = np.tile(single, len(own))
        edges.append(made)
        for classes in written:
            if len(classes) > 1:
                inner = size + np.arange(len(own) * (len(classes) - 1)).reshape(len(own), -1)
                size += inner.size
                states = np.column_stack([own[:, 0], inner, own[:, 2]])
                edges += [
                    np.column_stack([states[:, place], np.full(len(own), one), states[:, place + 1]])
                    for place, one in enumerate(classes)
                ]
    return make_automaton(
        np.concatenate(edges), np.zeros(1, np.int64), np.array(moves.ends, np.int64), charset.classes
    )
