"""What may be written and how likely it is: an automaton, a language model, both or neither, as one machine."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.reading.formats.automaton import Automaton, Indices, Moves
from train.reading.ngram import Ngram

Costs = npt.NDArray[np.float64]


class Priced(NamedTuple):
    """Transitions with their costs in nats, each (M,); see `Moves`."""

    origin: Indices
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
    """

    automaton: Automaton | None = None
    ngram: Ngram | None = None
    weight: float = 0.0
    bonus: float = 0.0

    @property
    def exact_within(self) -> bool:
        """Whether no text costs less than its characters do: what is dearer than a bound can then be left out."""
        return self.ngram is None

    @property
    def _contexts(self) -> int:
        return self.ngram.contexts if self.ngram else 1

    @property
    def size(self) -> int:
        """Number of states."""
        return self._contexts * (len(self.automaton.ends) if self.automaton else 1)

    def begin(self) -> Indices:
        """Return the states before the first character."""
        own = self.automaton.starts if self.automaton else np.zeros(1, np.int64)
        return own * self._contexts + (self.ngram.begin if self.ngram else 0)

    def moves(self, states: Indices, classes: Indices) -> Priced:
        """Return all transitions of pairs (state, class), each (M,)."""
        own, contexts = np.divmod(states, self._contexts)
        found = self.automaton.moves(own, classes) if self.automaton else Moves(np.arange(len(own)), own)
        if self.ngram is None:
            return Priced(found.origin, found.states, np.zeros(len(found.origin)))
        scores, following = self.ngram.follow(contexts[found.origin], classes[found.origin])
        return Priced(
            found.origin, found.states * self._contexts + following, -self.weight * scores - self.bonus
        )

    def ending(self, states: Indices) -> Costs:
        """Return what it costs to end in each state; infinite where that may not be."""
        own, contexts = np.divmod(states, self._contexts)
        costs = np.zeros(len(states))
        if self.ngram is not None:
            costs -= self.weight * self.ngram.follow(contexts, np.zeros(len(states), np.int64))[0]
        return costs if self.automaton is None else np.where(self.automaton.ends[own], costs, np.inf)
