"""An n-gram learnt from texts (Witten and Bell, 1991: interpolated, by how many classes followed a context)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from train.data.charset import Charset
from train.reading.automata.automaton import Indices
from train.reading.ngram import END, Array, Ngram

SHARE_OF_ONE_LENGTH = 0.9


def learn(
    texts: Sequence[str], charset: Charset, order: int, weights: Sequence[float] | None = None
) -> Ngram:
    """Return the n-gram of these texts.

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
