"""How likely a text is, character by character: an n-gram that knows places where texts are of one length."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from train.data.charset import Charset
from train.reading.automata.automaton import LARGEST_TABLE, Indices

END = 0
"""The class of the blank, which no text holds, stands for the end of a text."""
Array = npt.NDArray[np.float64]
Integers: TypeAlias = "memoryview[int]"
Floats: TypeAlias = "memoryview[float]"


@dataclass(frozen=True, eq=False)
class Ngram:
    """A language model as arrays; contexts are numbers.

    Attributes:
        keys: (E,) sorted, context * classes + class of every pair that was seen.
        scores: (E,) log-probabilities of these.
        following: (E,) the context after it; -1: that of `otherwise`.
        backoff: (G,) log-weight of the shorter context's probabilities.
        shorter: (G,) the shorter context; -1 for the last one.
        otherwise: (G,) the context after a class that was never seen there.
        begin: the context of a text's beginning.
        classes: of the charset.
    """

    keys: Indices
    scores: Array
    following: Indices
    backoff: Array
    shorter: Indices
    otherwise: Indices
    begin: int
    classes: int

    @property
    def contexts(self) -> int:
        """How many there are."""
        return len(self.shorter)

    @cached_property
    def _table(self) -> tuple[Array, Indices] | None:
        """The answers of `follow` to everything, (G * classes,) each; None where that is too much."""
        if self.contexts * self.classes > LARGEST_TABLE:
            return None
        shape = (self.contexts, self.classes)
        scores, following = np.full(shape, -math.log(self.classes)), np.full(shape, -1)
        bounds = np.searchsorted(self.keys, np.arange(self.contexts + 1) * self.classes)
        for first, last in pairwise(
            self._depths
        ):  # what a shorter context says holds where a longer one knows no more
            shorter = self.shorter[first:last]
            if first:
                scores[first:last] = scores[shorter] + self.backoff[first:last, None]
                following[first:last] = following[shorter]
            else:
                scores[:last] += self.backoff[:last, None]
            seen = slice(bounds[first], bounds[last])
            scores.ravel()[self.keys[seen]], following.ravel()[self.keys[seen]] = (
                self.scores[seen],
                self.following[seen],
            )
        return scores.ravel(), np.where(following < 0, self.otherwise[:, None], following).ravel()

    @cached_property
    def _depths(self) -> list[int]:
        """Where the contexts of each length begin, and where the last ones end; a shorter context stands first."""
        bounds = [0, 1]
        while bounds[-1] < self.contexts:
            bounds.append(int(np.searchsorted(self.shorter, bounds[-1])))
        return bounds

    @cached_property
    def _chains(self) -> tuple[Indices, Array]:
        """Each context, the shorter one, and so on, and the log-weights up to each; (G, D) and (G, D + 1)."""
        chain, weights = [np.arange(self.contexts)], [np.zeros(self.contexts)]
        while (chain[-1] >= 0).any():
            here, ends = chain[-1], chain[-1] < 0
            weights.append(weights[-1] + np.where(ends, 0.0, self.backoff[here]))
            chain.append(np.where(ends, -1, self.shorter[here]))
        return np.stack(chain[:-1], axis=1), np.stack(weights, axis=1)

    def follow(self, contexts: Indices, classes: Indices) -> tuple[Array, Indices]:
        """Return the log-probability of each class after its context, and the context after it; each (M,)."""
        if self._table is None:
            return self._found(contexts, classes)
        scores, following = self._table
        places = contexts * self.classes + classes
        return scores[places], following[places]

    def find_one(self, context: int, number: int) -> tuple[float, int]:
        """Return what `follow` does of one context and class, for which numpy takes longer."""
        keys, scores, following, backoff, shorter, otherwise = self._rows
        weight, here = 0.0, context
        while here >= 0:
            key = here * self.classes + number
            place = bisect_left(keys, key)
            if place < len(keys) and keys[place] == key:
                after = following[place]
                return weight + scores[place], after if after >= 0 else otherwise[context]
            weight += backoff[here]
            here = shorter[here]
        return weight - math.log(self.classes), otherwise[context]

    @cached_property
    def _rows(self) -> tuple[Integers, Floats, Integers, Floats, Integers, Integers]:
        scores, backoff = (cast("Floats", numbers.data) for numbers in (self.scores, self.backoff))
        return self.keys.data, scores, self.following.data, backoff, self.shorter.data, self.otherwise.data

    def _found(self, contexts: Indices, classes: Indices) -> tuple[Array, Indices]:
        chains, weights = self._chains
        chain, rows = chains[contexts], np.arange(len(contexts))
        keys = chain * self.classes + classes[:, None]
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        seen = (self.keys[places] == keys) & (chain >= 0)
        deep = seen.argmax(axis=1)  # the longest context that it was seen after
        never = ~seen[rows, deep]
        place = places[rows, deep]
        deep[never] = chains.shape[1]
        uniform = -math.log(self.classes)  # over characters and the end
        scores = weights[contexts, deep] + np.where(never, uniform, self.scores[place])
        following = np.where(
            never | (self.following[place] < 0), self.otherwise[contexts], self.following[place]
        )
        return scores, following

    def score(self, texts: Sequence[Sequence[int]]) -> Array:
        """Return the log-probability of whole texts, (N,), given by their classes."""
        longest = max(map(len, texts), default=0) + 1
        padded = np.full((len(texts), longest), END)
        for row, classes in zip(padded, texts, strict=True):
            row[: len(classes)] = classes
        lengths = np.array([len(classes) for classes in texts], np.int64)
        contexts = np.full(len(texts), self.begin, np.int64)
        scores = np.zeros(padded.shape)
        for place in range(longest):
            scores[:, place], contexts = self.follow(contexts, padded[:, place])
        counted = np.arange(longest) <= lengths[:, None]  # the end is scored, too
        totals: Array = np.where(counted, scores, 0.0).sum(axis=1)
        return totals

    def moved(self, old: Charset, new: Charset) -> "Ngram":
        """Return the n-gram for a network with another charset; what that cannot write is left out."""
        numbers = np.array([END, *((new.encode(c) or [-1])[0] for c in old.characters)])
        contexts, classes = np.divmod(self.keys, self.classes)
        kept = numbers[classes] >= 0
        keys = contexts[kept] * new.classes + numbers[classes[kept]]
        order = np.argsort(keys)
        return replace(
            self,
            keys=keys[order],
            scores=self.scores[kept][order],
            following=self.following[kept][order],
            classes=new.classes,
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {
            f.name: np.round(value, 4).tolist()
            if isinstance(value := getattr(self, f.name), np.ndarray)
            else value
            for f in fields(self)
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Ngram":
        """Return what `as_json` holds."""
        exact = ("scores", "backoff")
        arrays = {
            name: np.array(value, np.float64 if name in exact else np.int64)
            for name, value in values.items()
            if isinstance(value, list)
        }
        return cls(**dict(values) | arrays)
