"""The n-gram that reads validation lines best, of the texts that there are."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import Charset
from train.reading.knowledge import FEWEST_TEXTS, MOST_TEXTS
from train.reading.ngram import learn
from train.reading.settings import Language, ReadingSettings
from train.reading.text_model import SMALLEST, Likely, Probabilities, TextModel
from train.scoring.intervals import Gain, paired_gain_interval

ORDERS = (3, 4, 6)
WEIGHTS = (0.1, 0.2, 0.3, 0.5, 0.8)
BONUSES = (0.0, 1.0, 2.0)
"""Nats a character, times the weight."""
FOLDS = 10
TIE, LEAST = 1e-5, 1e-9
"""What a nat of a line's right text counts against a line that is right, and the least share of a text."""
NO_TIME = "no time was left to try one"
TEXTS, NATS, TOKENS = 12, 12.0, 100
"""Texts of a line and level among which an n-gram chooses, what they may cost, and what is followed to find them."""
Right = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """Lines that a network has read.

    Attributes:
        batches: (N, T, C) float32 probabilities, one array for each padded width.
        labels: of all lines, in the order of the batches.
    """

    batches: Sequence[Probabilities]
    labels: Sequence[str]


@dataclass(frozen=True)
class Corpus:
    """Texts to learn an n-gram from.

    Attributes:
        name: for people.
        weights: how often each of the texts counts.
    """

    name: str
    texts: Sequence[str]
    weights: Sequence[float]


@dataclass(frozen=True)
class Tried:
    """The n-gram that reads best.

    Attributes:
        corpus: what it was learnt from.
        gain: what n-grams gain on lines that did not choose them.
    """

    language: Language
    corpus: str
    gain: Gain


def some_of(texts: Sequence[str], seed: int) -> Sequence[str]:
    """Return the texts, or MOST_TEXTS drawn ones."""
    if len(texts) <= MOST_TEXTS:
        return texts
    chosen = np.random.default_rng(seed).choice(len(texts), MOST_TEXTS, replace=False)
    return [texts[index] for index in sorted(chosen.tolist())]


def list_corpora(labels: Sequence[str], further: Sequence[str]) -> list[Corpus]:
    """Return what n-grams are learnt from: labels, texts without images, and both, these as they are and alike."""
    kinds = {"labels": labels, "further texts": further}
    found = [
        Corpus(name, texts, [1.0] * len(texts)) for name, texts in kinds.items() if len(texts) >= FEWEST_TEXTS
    ]
    if further and labels and found:
        alike = sum(map(len, further)) / max(1, sum(map(len, labels)))
        both = [*labels, *further]
        for name, weight in (("both", 1.0), ("both, counting alike", alike)):
            found.append(Corpus(name, both, [weight] * len(labels) + [1.0] * len(further)))
    return found


def find_language(
    heard: Heard,
    corpora: Sequence[Corpus],
    charset: Charset,
    before: ReadingSettings,
    seed: int,
    deadline: float | None = None,
) -> Tried | str:
    """Return the n-gram that reads validation best, under the rules, and what n-grams gain; or why there is none.

    The gain is cross-fitted: each tenth of the lines is read with what the others chose among the settings. The best of
    many on the lines that chose it flatters.

    Args:
        heard: validation lines.
        corpora: what n-grams are learnt from.
        charset: of the network.
        before: the rules, and the n-gram, if any, that others have to beat.
        seed: of the tenths.
        deadline: Unix time from which on no further one is tried; None for none.
    """
    model, found = TextModel(before.model_copy(update={"language": None}), charset), list[Likely]()
    for batch in heard.batches:
        if is_late(deadline):
            return NO_TIME
        found += model.list_likely(batch, NATS, TEXTS, TOKENS)
    candidates = _Candidates(found, heard.labels, charset)
    now = candidates.judge(_given(before.language, candidates.texts, candidates.lengths))
    if is_hopeless(now.right, np.maximum(now.right, candidates.possible), seed):
        return "no gain could be more than chance: where lines are wrong, the right text is not among the likely ones"
    tried = _Trials(candidates, charset, now)
    for corpus in corpora:
        for order in ORDERS:
            if is_late(deadline):
                break
            if not tried.gain_by(corpus, order):
                break  # what the shortest contexts do not find, longer ones do not, either
    return tried.best(seed)


def is_late(deadline: float | None) -> bool:
    """Tell whether a deadline, Unix time, has passed."""
    return deadline is not None and time.time() >= deadline


def is_hopeless(now: Right, possible: Right, seed: int) -> bool:
    """Tell whether even what is possible would be no more than chance; (N,) each, whether lines are right."""
    return paired_gain(now, possible, seed).interval.low <= 0


class _Trials:
    """N-grams that were tried on the candidates of all lines."""

    def __init__(self, candidates: "_Candidates", charset: Charset, now: "_Judged") -> None:
        """Begin with how what there is reads."""
        self._candidates, self._charset = candidates, charset
        self._judged = [now]
        self._settings: list[tuple[Corpus, int, float, float]] = []

    def gain_by(self, corpus: Corpus, order: int) -> bool:
        """Try all weights of an n-gram; tell whether one reads more lines right than what there was at first."""
        found, first = self._candidates, len(self._judged)
        scores = learn(corpus.texts, self._charset, order, corpus.weights).score(found.texts)
        for weight, bonus in product(WEIGHTS, BONUSES):
            self._judged.append(found.judge(weight * (scores + bonus * found.lengths)))
            self._settings.append((corpus, order, weight, weight * bonus))
        most = max(float(one.right.sum()) for one in self._judged[first:])
        return most > float(self._judged[0].right.sum())

    def best(self, seed: int) -> Tried | str:
        """Return the one that reads most lines right, or why there is none."""
        if not self._settings:
            return NO_TIME
        rights, worth = (np.stack(rows) for rows in zip(*self._judged, strict=True))
        best = int(worth.sum(axis=1).argmax())
        if rights[best].sum() <= rights[0].sum():
            return "none reads more validation lines right"
        corpus, order, weight, bonus = self._settings[best - 1]
        arrays = learn(corpus.texts, self._charset, order, corpus.weights).as_json()
        language = Language(order=order, weight=weight, bonus=bonus, arrays=arrays)
        return Tried(language, corpus.name, paired_gain(rights[0], _cross_fitted(rights, worth, seed), seed))


def _given(language: Language | None, texts: Sequence[Sequence[int]], lengths: Right) -> Right:
    """Return what a language model gives texts, in nats; nothing without one."""
    if language is None:
        return np.zeros(len(lengths))
    return language.weight * language.ngram.score(texts) + language.bonus * lengths


def paired_gain(before: Right, after: Right, seed: int) -> Gain:
    """Return what one way to read gains over another, (N,) each: whether each line is right."""
    first, second = (np.stack([np.ones(len(right)), right], axis=1) for right in (before, after))
    return paired_gain_interval(first, second, lambda sums: float(sums[1] / sums[0]), seed)


def _cross_fitted(rights: Right, worth: Right, seed: int) -> Right:
    """Return (N,) whether each line is right with that row of (S, N) that is worth most on the folds without it."""
    fold = np.random.default_rng(seed).permutation(rights.shape[1]) % FOLDS
    own = fold == np.arange(FOLDS)[:, None]
    best = (worth.sum(axis=1)[:, None] - worth @ own.T).argmax(axis=0)
    return np.asarray(rights[best[fold], np.arange(len(fold))])


class _Judged(NamedTuple):
    """How lines are read, (N,) each.

    Attributes:
        right: whether each is right.
        worth: that, and far behind it the log-likelihood of the right text among its candidates: of settings that read
            as many lines right it tells which does so most surely.
    """

    right: Right
    worth: Right


class _Candidates:
    """The likeliest texts of lines, among which an n-gram chooses."""

    def __init__(self, found: Sequence[Likely], labels: Sequence[str], charset: Charset) -> None:
        """Lay them out, and which of them are right."""
        self.texts = [classes for own in found for classes in own]
        self.lengths = np.array([len(classes) for classes in self.texts], float)
        counts = np.array([len(own) for own in found])
        self._places = np.arange(max(1, counts.max(initial=0))) < counts[:, None]
        self._scores = self._laid([score for own in found for score in own.values()], -np.inf)
        right = [
            not charset.unknown(label) and list(classes) == charset.encode(label)
            for own, label in zip(found, labels, strict=True)
            for classes in own
        ]
        self._right = self._laid(right, 0.0)

    def _laid(self, values: npt.ArrayLike, otherwise: float) -> Right:
        """Return (N, K) values of the texts, line by line."""
        table = np.full(self._places.shape, otherwise)
        table[self._places] = values
        return table

    @property
    def possible(self) -> Right:
        """(N,) whether the right text is among those of each line."""
        return np.asarray(self._right.max(axis=1))

    def judge(self, gains: Right) -> _Judged:
        """Return how lines are read if of each one's texts the best is taken; `gains` of all texts in nats."""
        scores = self._scores + self._laid(gains, 0.0)
        chosen = scores.argmax(axis=1)[:, None]
        right = np.take_along_axis(self._right, chosen, axis=1)[:, 0]
        best = np.take_along_axis(scores, chosen, axis=1)
        shares = np.exp(
            scores - np.where(np.isfinite(best), best, 0.0)
        )  # a hard rule may exclude all of them
        likely = (shares * self._right).sum(axis=1) / np.maximum(shares.sum(axis=1), SMALLEST)
        return _Judged(right, right + TIE * np.log(np.maximum(likely, LEAST)))
