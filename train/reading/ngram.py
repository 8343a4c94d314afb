"""How likely a text is, character by character: an n-gram that knows places where texts are of one length."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import Charset
from train.reading.automata.automaton import Indices

END = 0
"""The class of the blank, which no text holds, stands for the end of a text."""
SHARE_OF_ONE_LENGTH = 0.9
LARGEST_TABLE = 1 << 21
Array = npt.NDArray[np.float64]


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


def learn(
    texts: Sequence[str], charset: Charset, order: int, weights: Sequence[float] | None = None
) -> Ngram:
    """Return the n-gram of these texts (Witten and Bell, 1991: interpolated, by how many classes followed a context).

    Where nearly all texts are of one length, every context knows its place, and its shortest one is the place alone.

    Args:
        texts: at least one.
        charset: whose classes are counted; characters that it lacks are left out.
        order: characters that are looked at, the one that is scored included.
        weights: how often each text counts; None for once.
    """
    seen = _Seen.of([charset.encode(text) for text in texts], weights)
    return _joined([*_levels(seen, charset.classes, order)], charset.classes)


class _Seen(NamedTuple):
    """Every character of the texts, and every end, each (M,).

    Attributes:
        number: its class.
        place: in its text.
        at: the place as contexts know it: 0 where texts are of many lengths.
        weight: how often it counts.
        last: the largest `at`.
    """

    number: Indices
    place: Indices
    at: Indices
    weight: Array
    last: int

    @classmethod
    def of(cls, lines: Sequence[Sequence[int]], weights: Sequence[float] | None) -> "_Seen":
        lengths = np.array([len(line) + 1 for line in lines])
        weight = np.ones(len(lines)) if weights is None else np.asarray(weights, float)
        shares = np.bincount(lengths, weight) / weight.sum()
        length = int(shares.argmax())
        last = length if shares[length] >= SHARE_OF_ONE_LENGTH else 0
        place = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        number = np.array([number for line in lines for number in (*line, END)], np.int64)
        return cls(number, place, np.minimum(place, last), np.repeat(weight, lengths), last)


@dataclass(frozen=True)
class _Level:
    """The contexts of some length, and the pairs of them and a class; numbers count from 0 in each level.

    Attributes:
        context: (M,) of every character that was seen; -1 where its text is too short.
        pair: (M,) likewise.
        shorter: (G,) the context in the level before.
        at: (G,) its place.
        backoff: (G,) log-weight of the shorter context.
        keys: (E,) context * classes + class of each pair, sorted.
        chances: (E,) probabilities of the pairs.
        first: (E,) a character of each pair.
    """

    context: Indices
    pair: Indices
    shorter: Indices
    at: Indices
    backoff: Array
    keys: Indices
    chances: Array
    first: Indices


def _levels(seen: _Seen, classes: int, order: int) -> Iterator[_Level]:
    """Yield any context, the places, and the contexts of one character, two, and so on."""
    everywhere = np.zeros(len(seen.number), np.int64)
    uniform = np.full(len(seen.number), 1 / classes)
    level = _level(seen, classes, everywhere, np.full(1, -1), np.full(1, -1), uniform)
    yield level
    places = np.arange(seen.last + 1)  # also one that no text reaches
    level = _level(seen, classes, seen.at, places * 0, places, level.chances[level.pair])
    yield level
    for taken in range(1, order):
        long = np.flatnonzero(seen.place >= taken)
        if not len(long):  # no text is so long
            return
        keys = level.context[long] * classes + seen.number[long - taken]
        _, first, numbers = np.unique(keys, return_index=True, return_inverse=True)
        context = np.full(len(seen.number), -1)
        context[long] = numbers
        shown = long[first]
        level = _level(
            seen, classes, context, level.context[shown], seen.at[shown], level.chances[level.pair]
        )
        yield level


def _level(
    seen: _Seen, classes: int, context: Indices, shorter: Indices, at: Indices, chances: Array
) -> _Level:
    """Smooth the counts of a level's pairs by the `chances` that its shorter contexts give every character."""
    counted = np.flatnonzero(context >= 0)
    keys, first, numbers = np.unique(
        context[counted] * classes + seen.number[counted], return_index=True, return_inverse=True
    )
    pair = np.full(len(context), -1)
    pair[counted] = numbers
    counts, own = np.bincount(numbers, seen.weight[counted]), keys // classes
    kinds = np.bincount(own, minlength=len(shorter))
    totals = np.bincount(own, counts, minlength=len(shorter)) + kinds
    found = (counts + kinds[own] * chances[counted[first]]) / totals[own]
    backoff = np.log(np.where(kinds > 0, kinds, 1) / np.where(kinds > 0, totals, 1))
    return _Level(context, pair, shorter, at, backoff, keys, found, counted[first])


def _joined(levels: Sequence[_Level], classes: int) -> Ngram:
    """Number the contexts of all levels, one level after the other."""
    starts = np.cumsum([0, *(len(level.at) for level in levels)])
    last = int(levels[1].at[-1])
    otherwise = [starts[1] + np.minimum(level.at + 1, last) for level in levels]
    following = [np.full(len(levels[0].keys), -1)]
    for depth, level in enumerate(levels[1:], 1):
        longer = min(depth + 1, len(levels) - 1)
        ends = level.keys % classes == END
        after = starts[longer] + levels[longer].context[np.where(ends, 0, level.first + 1)]
        following.append(np.where(ends, otherwise[depth][level.keys // classes], after))
    return Ngram(
        keys=np.concatenate(
            [start * classes + level.keys for start, level in zip(starts, levels, strict=False)]
        ),
        scores=np.log(np.concatenate([level.chances for level in levels])),
        following=np.concatenate(following),
        backoff=np.concatenate([level.backoff for level in levels]),
        shorter=np.concatenate(
            [
                np.full(1, -1),
                *(start + level.shorter for start, level in zip(starts, levels[1:], strict=False)),
            ]
        ),
        otherwise=np.concatenate(otherwise),
        begin=int(starts[1]),
        classes=classes,
    )
