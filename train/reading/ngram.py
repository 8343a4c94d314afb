"""How likely a text is, character by character: an n-gram that knows places where texts are of one length."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from train.data.charset import Charset
from train.reading.formats.automaton import Indices

END = 0
"""The class of the blank, which no text holds, stands for the end of a text."""
SHARE_OF_ONE_LENGTH = 0.9
LARGEST_TABLE = 1 << 21
Context = tuple[int, tuple[int, ...]]
"""Place (-1: any) and the classes before."""
ANY: Context = (-1, ())
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
        size = self.contexts * self.classes
        if size > LARGEST_TABLE:
            return None
        return self._found(*np.divmod(np.arange(size), self.classes))

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


def learn(texts: Sequence[str], charset: Charset, order: int) -> Ngram:
    """Return the n-gram of these texts (Witten and Bell, 1991: interpolated, by how many classes followed a context).

    Where nearly all texts are of one length, every context knows its place, and its shortest one is the place alone.

    Args:
        texts: at least one.
        charset: whose classes are counted; characters that it lacks are left out.
        order: characters that are looked at, the one that is scored included.
    """
    lines = [(*charset.encode(text), END) for text in texts]
    length, most = Counter(map(len, lines)).most_common(1)[0]
    placed = most >= SHARE_OF_ONE_LENGTH * len(lines)
    counts: dict[Context, Counter[int]] = defaultdict(Counter)
    for line in lines:
        for place, number in enumerate(line):
            at = min(place, length) if placed else 0
            counts[ANY][number] += 1
            for taken in range(min(order - 1, place) + 1):
                counts[at, line[place - taken : place]][number] += 1
    for at in range(length + 1 if placed else 1):
        counts[at, ()]  # a place that is reached by unusual texts alone
    return _arrays(counts, length if placed else 0, charset.classes)


def _shorter(context: Context) -> Context | None:
    place, before = context
    if context == ANY:
        return None
    return (place, before[1:]) if before else ANY


def _arrays(counts: Mapping[Context, Counter[int]], last: int, classes: int) -> Ngram:
    """Return the arrays of counted contexts: of each the shorter ones are among them."""
    ordered = sorted(counts, key=lambda context: (len(context[1]), context))
    numbers = {context: number for number, context in enumerate(ordered)}
    probabilities: dict[Context, dict[int, float]] = {}
    rows: list[tuple[int, float, int]] = []
    backoff, shorter, otherwise = [], [], []
    for context in sorted(counts, key=lambda context: (context != ANY, len(context[1]))):
        probabilities[context] = _smoothed(counts[context], context, probabilities, counts, classes)
    for context in ordered:
        seen, parent = counts[context], _shorter(context)
        after = min(context[0] + 1, last) if last else 0
        total = sum(seen.values()) + len(seen)
        backoff.append(math.log(len(seen) / total) if total else 0.0)
        shorter.append(-1 if parent is None else numbers[parent])
        otherwise.append(numbers[after, ()])
        for number, probability in probabilities[context].items():
            following = -1 if context == ANY else numbers[_following(context, number, after, numbers)]
            rows.append((numbers[context] * classes + number, math.log(probability), following))
    rows.sort()
    return Ngram(
        keys=np.array([row[0] for row in rows], np.int64),
        scores=np.array([row[1] for row in rows]),
        following=np.array([row[2] for row in rows], np.int64),
        backoff=np.array(backoff),
        shorter=np.array(shorter, np.int64),
        otherwise=np.array(otherwise, np.int64),
        begin=numbers[0, ()],
        classes=classes,
    )


def _following(context: Context, number: int, after: int, numbers: Mapping[Context, int]) -> Context:
    """Return the longest counted context after a class."""
    before = (*context[1], number)
    while (after, before) not in numbers:
        before = before[1:]
    return after, before


def _smoothed(
    seen: Counter[int],
    context: Context,
    known: Mapping[Context, Mapping[int, float]],
    counts: Mapping[Context, Counter[int]],
    classes: int,
) -> dict[int, float]:
    """Return the probabilities of the classes that followed a context."""
    total, kinds = sum(seen.values()), len(seen)

    def of(other: Context | None, number: int) -> float:
        if other is None:
            return 1 / classes
        if number in known[other]:
            return known[other][number]
        new = len(counts[other])
        return (
            new / (sum(counts[other].values()) + new) * of(_shorter(other), number)
            if new
            else of(_shorter(other), number)
        )

    parent = _shorter(context)
    return {number: (count + kinds * of(parent, number)) / (total + kinds) for number, count in seen.items()}
