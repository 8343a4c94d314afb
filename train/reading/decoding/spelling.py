"""What texts cost by a language model, in nats."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import cast

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.reading.automata.automaton import LARGEST_TABLE, Indices, Lookup
from train.reading.ngram import END, Ngram

Costs = npt.NDArray[np.float64]
REMEMBERED = 1 << 14
"""Answers that are kept where there is no table, some 3 MB: lines of one kind ask for the same ones."""


@dataclass(frozen=True, eq=False)
class Spelling:
    """An n-gram, and how it counts.

    Attributes:
        weight: of its log-probabilities.
        bonus: in nats for every character: a language model likes short texts.
    """

    ngram: Ngram
    weight: float
    bonus: float

    def follow(self, contexts: Indices, classes: Indices) -> tuple[Indices, Costs]:
        """Return the context after each class, and what it costs; a blank changes nothing and costs nothing."""
        if self._table is None:
            return self._found(contexts, classes)
        places = contexts * self.ngram.classes + classes
        return self._table[0][places], self._table[1][places]

    @cached_property
    def _table(self) -> tuple[Indices, Costs] | None:
        """The answers of `follow` to everything, (contexts * classes,) each; None where that is too much."""
        size = self.ngram.contexts * self.ngram.classes
        return self._found(*np.divmod(np.arange(size), self.ngram.classes)) if size <= LARGEST_TABLE else None

    def _found(self, contexts: Indices, classes: Indices) -> tuple[Indices, Costs]:
        scores, following = self.ngram.follow(contexts, classes)
        written = classes != BLANK
        costs = np.where(written, -self.weight * scores - self.bonus, 0.0)
        return np.where(written, following, contexts), costs

    @cached_property
    def lookups(self) -> tuple[Lookup[int], Lookup[float]]:
        """Context * classes + a class that is not the blank -> the context after it, and what it costs."""
        if self._table is not None:
            following, costs = self._table
            return following.data, cast("memoryview[float]", costs.data)
        find = lru_cache(REMEMBERED)(self._find_one)
        return _Context(find), _Cost(find)

    def _find_one(self, place: int) -> tuple[int, float]:
        score, following = self.ngram.find_one(*divmod(place, self.ngram.classes))
        return following, -self.weight * score - self.bonus

    def ending(self, contexts: Indices) -> Costs:
        """Return what it costs to end in each context."""
        return np.asarray(-self.weight * self.ngram.follow(contexts, np.full_like(contexts, END))[0])

    @cached_property
    def _ends(self) -> Costs | None:
        return None if self._table is None else self.ending(np.arange(self.ngram.contexts))

    def ending_one(self, context: int) -> float:
        """Return what `ending` does of one context."""
        if self._ends is None:
            return -self.weight * self.ngram.find_one(context, END)[0]
        return float(self._ends[context])

    def price(self, text: Sequence[int]) -> float:
        """Return what a text, given by its classes, costs."""
        following, costs = self.lookups
        context, cost = self.ngram.begin, 0.0
        for number in text:
            place = context * self.ngram.classes + number
            context, cost = following[place], cost + costs[place]
        return cost + self.ending_one(context)


@dataclass(frozen=True)
class _Context:
    find: Callable[[int], tuple[int, float]]

    def __getitem__(self, place: int, /) -> int:
        return self.find(place)[0]


@dataclass(frozen=True)
class _Cost:
    find: Callable[[int], tuple[int, float]]

    def __getitem__(self, place: int, /) -> float:
        return self.find(place)[1]
