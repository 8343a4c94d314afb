"""What may be written and how likely it is: an automaton, a language model, both or neither, as one machine."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.reading.automata.automaton import Automaton, Indices, Lookup, Moves
from train.reading.decoding.spelling import Costs, Spelling


class Machine(NamedTuple):
    """A grammar for one line, class by class; a blank changes nothing and is not asked for.

    Attributes:
        after: state of the automaton * classes + class -> state, -1: none.
        context: context of the language model * classes + class -> context.
        costs: the same -> nats.
        contexts: how many there are.
        classes: of the charset.
        entry: what it costs to begin with each class; None for nothing.
        gain: nats that a character costs less than nothing, at most.
    """

    after: Lookup[int]
    context: Lookup[int]
    costs: Lookup[float]
    contexts: int
    classes: int
    entry: Sequence[float] | None
    gain: float


class Priced(NamedTuple):
    """Transitions with their costs in nats: from the `origin`-th of some states, or from each, to `states`; (M,)."""

    origin: Indices | slice
    states: Indices
    costs: Costs


@dataclass(frozen=True)
class Grammar:
    """Which texts are looked for.

    Attributes:
        automaton: of the texts that may be written; None for all.
        spelling: what texts cost by a language model; None where that does not count.
        entry: (C,) what it costs to begin with each class under the automaton; None for nothing.
    """

    automaton: Automaton | None = None
    spelling: Spelling | None = None
    entry: Costs | None = None

    @property
    def exact_within(self) -> bool:
        """Whether no text costs less than its characters do: what is dearer than a bound can then be left out."""
        return self.spelling is None

    @cached_property
    def _contexts(self) -> int:
        return self.spelling.ngram.contexts if self.spelling else 1

    @cached_property
    def size(self) -> int:
        """Number of states."""
        return self._contexts * (len(self.automaton.ends) if self.automaton else 1)

    def begin(self) -> Indices:
        """Return the states before the first character."""
        own = self.automaton.starts if self.automaton else np.zeros(1, np.int64)
        return own * self._contexts + (self.spelling.ngram.begin if self.spelling else 0)

    def moves(self, states: Indices, classes: Indices) -> Priced:
        """Return all transitions of pairs (state, class), each (M,); a blank changes nothing and costs nothing."""
        if self.automaton is None:
            return Priced(slice(None), *self._priced(states, classes))
        if self.spelling is None:
            origin, following = self.automaton.moves(states, classes)
            return Priced(origin, following, self._entered(states[origin], classes[origin]))
        before, contexts = np.divmod(states, self._contexts)
        origin, own = self.automaton.moves(before, classes)
        contexts, costs = self._priced(contexts[origin], classes[origin])
        costs = costs + self._entered(before[origin], classes[origin])
        return Priced(origin, own * self._contexts + contexts, costs)

    def _entered(self, states: Indices, classes: Indices) -> Costs:
        """Return what it costs to begin with a class, (M,); nothing where a text has begun or a blank comes first."""
        if self.entry is None or self.automaton is None:
            return np.zeros(len(states))
        begins = self.automaton.starting[states] & (classes != BLANK)
        return np.where(begins, self.entry[classes], 0.0) if begins.any() else np.zeros(len(states))

    @property
    def listed(self) -> bool:
        """Whether the texts are those of a lexicon."""
        return self.automaton is not None and self.automaton.needed is not None

    def count_allowed(self, states: Indices) -> Indices | None:
        """Return under how many classes a text of a lexicon goes on from each state; None without a lexicon."""
        if self.automaton is None or self.automaton.needed is None:
            return None
        return self.automaton.count_allowed(states // self._contexts)

    def allowed(self, states: Indices) -> Moves:
        """Return the classes that go on with a text of a lexicon, as `Moves` to classes."""
        assert self.automaton is not None
        return self.automaton.allowed(states // self._contexts)

    def in_time(self, states: Indices, blank: npt.NDArray[np.bool_], steps: Indices) -> Indices | None:
        """Return the places of those states, after a blank or not, that come to an end in so many steps; None: all."""
        if self.automaton is None or self.automaton.needed is None:
            return None
        needed = self.automaton.needed[states // self._contexts, blank.astype(np.int64)]
        return np.flatnonzero(needed <= steps)

    def _priced(self, contexts: Indices, classes: Indices) -> tuple[Indices, Costs]:
        """Return the context after each class, and what it costs."""
        if self.spelling is None:
            return contexts, np.zeros(len(contexts))
        return self.spelling.follow(contexts, classes)

    @cached_property
    def starts(self) -> Sequence[tuple[int, int]]:
        """State of the automaton and context before the first character."""
        return [divmod(state, self._contexts) for state in self.begin().tolist()]

    def ending_one(self, state: int, context: int) -> float:
        """Return what `ending` does of one state of the automaton and one context."""
        if self.automaton is not None and not self.automaton.ends[state]:
            return math.inf
        return 0.0 if self.spelling is None else self.spelling.ending_one(context)

    @cached_property
    def machine(self) -> Machine | None:
        """What one line is read with, class by class; None where a class may lead to several states."""
        if self.automaton is not None:
            after, classes = self.automaton.following, self.automaton.classes
        elif self.spelling is not None:
            after, classes = bytes(self.spelling.ngram.classes), self.spelling.ngram.classes
        else:
            return None
        context, costs = self.spelling.lookups if self.spelling else (bytes(classes), bytes(classes))
        gain = max(0.0, self.spelling.bonus) if self.spelling else 0.0
        entry = None if self.entry is None else self.entry.tolist()
        return None if after is None else Machine(after, context, costs, self._contexts, classes, entry, gain)

    def ending(self, states: Indices) -> Costs:
        """Return what it costs to end in each state; infinite where that may not be."""
        own, contexts = np.divmod(states, self._contexts)
        costs = np.zeros(len(states)) if self.spelling is None else self.spelling.ending(contexts)
        return costs if self.automaton is None else np.where(self.automaton.ends[own], costs, np.inf)
