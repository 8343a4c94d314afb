"""Regular expressions as numbers, and what may come next in each (partial derivatives: Antimirov, 1996).

Repetition stays one expression, whatever its bounds: `a{1,5000}` becomes `a{0,4999}` after an `a`.
"""

from collections.abc import Iterable, Sequence
from typing import Any

EMPTY = 0
"""The expression of the empty text."""
Node = tuple[Any, ...]
"""A kind, and the numbers of its parts."""
Ways = tuple[tuple[int, int], ...]
"""Pairs: a symbol that may come next, and the expression of what follows it."""


class Expressions:
    """Expressions over symbols, which are numbers, too; equal expressions have one number."""

    def __init__(self) -> None:
        self._numbers: dict[Node, int] = {("empty",): EMPTY}
        self._nodes: list[Node] = [("empty",)]
        self._optional = [True]
        self._ways: dict[int, Ways] = {}

    def symbol(self, symbol: int) -> int:
        """Return the expression of one symbol."""
        return self._number(("symbol", symbol), False)

    def sequence(self, parts: Sequence[int]) -> int:
        """Return the expression of parts one after the other."""
        whole = EMPTY
        for part in reversed(parts):
            whole = self._then(part, whole)
        return whole

    def either(self, parts: Iterable[int]) -> int:
        """Return the expression of alternatives."""
        found = tuple(sorted(set(parts)))
        return found[0] if len(found) == 1 else self._number(("either", *found), any(map(self.ends, found)))

    def repeated(self, part: int, least: int, most: int | None) -> int:
        """Return the expression of a part `least` to `most` times; None for any number of times."""
        least = 0 if self.ends(part) else least
        if part == EMPTY or most == 0:
            return EMPTY
        return part if least == most == 1 else self._number(("repeated", part, least, most), least == 0)

    def ends(self, expression: int) -> bool:
        """Whether a text may end here."""
        return self._optional[expression]

    def ways(self, expression: int) -> Ways:
        """Return how texts of an expression may begin."""
        if expression not in self._ways:
            self._ways[expression] = tuple(dict.fromkeys(self._begin(expression)))
        return self._ways[expression]

    def _begin(self, expression: int) -> Iterable[tuple[int, int]]:
        while True:
            kind, *parts = self._nodes[expression]
            if kind != "then":
                break
            first, expression = parts
            yield from ((symbol, self._then(rest, expression)) for symbol, rest in self.ways(first))
            if not self.ends(first):
                return
        if kind == "symbol":
            yield parts[0], EMPTY
        elif kind == "either":
            for part in parts:
                yield from self.ways(part)
        elif kind == "repeated":
            part, least, most = parts
            following = self.repeated(part, max(least - 1, 0), None if most is None else most - 1)
            yield from ((symbol, self._then(rest, following)) for symbol, rest in self.ways(part))

    def _then(self, first: int, rest: int) -> int:
        if EMPTY in (first, rest):
            return first or rest
        return self._number(("then", first, rest), self.ends(first) and self.ends(rest))

    def _number(self, node: Node, optional: bool) -> int:
        if node not in self._numbers:
            self._numbers[node] = len(self._nodes)
            self._nodes.append(node)
            self._optional.append(optional)
        return self._numbers[node]
