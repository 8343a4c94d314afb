"""What may be written and how likely it is: an automaton, a language model, both or neither, as one machine."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK
from train.reading.automata.automaton import LARGEST_TABLE, Automaton, Indices, Moves
from train.reading.ngram import END, Ngram

Costs = npt.NDArray[np.float64]


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
        ngram: how likely texts are; None where that does not count.
        weight: of its log-probabilities.
        bonus: in nats for every character: a language model likes short texts.
        entry: (C,) what it costs to begin with each class under the automaton; None for nothing.
    """

    automaton: Automaton | None = None
    ngram: Ngram | None = None
    weight: float = 0.0
    bonus: float = 0.0
    entry: Costs | None = None

    @property
    def exact_within(self) -> bool:
        """Whether no text costs less than its characters do: what is dearer than a bound can then be left out."""
        return self.ngram is None

    @cached_property
    def _contexts(self) -> int:
        return self.ngram.contexts if self.ngram else 1

    @cached_property
    def size(self) -> int:
        """Number of states."""
        return self._contexts * (len(self.automaton.ends) if self.automaton else 1)

    def begin(self) -> Indices:
        """Return the states before the first character."""
        own = self.automaton.starts if self.automaton else np.zeros(1, np.int64)
        return own * self._contexts + (self.ngram.begin if self.ngram else 0)

    def moves(self, states: Indices, classes: Indices) -> Priced:
        """Return all transitions of pairs (state, class), each (M,); a blank changes nothing and costs nothing."""
        if self.automaton is None:
            return Priced(slice(None), *self._priced(states, classes))
        if self.ngram is None:
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

    def allowed(self, states: Indices, most: int) -> Moves | None:
        """Return the classes that go on with a text of a lexicon, as `Moves` to classes; None for `most` or more."""
        if self.automaton is None or self.automaton.needed is None:
            return None
        return self.automaton.allowed(states // self._contexts, most)

    def in_time(self, states: Indices, blank: npt.NDArray[np.bool_], steps: Indices) -> Indices | None:
        """Return the places of those states, after a blank or not, that come to an end in so many steps; None: all."""
        if self.automaton is None or self.automaton.needed is None:
            return None
        needed = self.automaton.needed[states // self._contexts, blank.astype(np.int64)]
        return np.flatnonzero(needed <= steps)

    def _priced(self, contexts: Indices, classes: Indices) -> tuple[Indices, Costs]:
        """Return the context after each class, and what it costs."""
        if self.ngram is None:
            return contexts, np.zeros(len(contexts))
        if self._table is None:
            return self._found(self.ngram, contexts, classes)
        places = contexts * self.ngram.classes + classes
        return self._table[0][places], self._table[1][places]

    @cached_property
    def _table(self) -> tuple[Indices, Costs] | None:
        """The answers of `_priced` to everything, (contexts * classes,) each; None where that is too much."""
        if self.ngram is None or self.ngram.contexts * self.ngram.classes > LARGEST_TABLE:
            return None
        everything = np.arange(self.ngram.contexts * self.ngram.classes)
        return self._found(self.ngram, *np.divmod(everything, self.ngram.classes))

    def _found(self, ngram: Ngram, contexts: Indices, classes: Indices) -> tuple[Indices, Costs]:
        scores, following = ngram.follow(contexts, classes)
        written = classes != BLANK
        costs = np.where(written, -self.weight * scores - self.bonus, 0.0)
        return np.where(written, following, contexts), costs

    def ending(self, states: Indices) -> Costs:
        """Return what it costs to end in each state; infinite where that may not be."""
        own, contexts = np.divmod(states, self._contexts)
        costs = np.zeros(len(states))
        if self.ngram is not None:
            costs -= self.weight * self.ngram.follow(contexts, np.full(len(states), END))[0]
        return costs if self.automaton is None else np.where(self.automaton.ends[own], costs, np.inf)
