"""The n-gram that reads validation lines best, of the texts that there are."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.charset import Charset
from train.reading.knowledge import FEWEST_TEXTS, MOST_CHARACTERS, MOST_TEXTS
from train.reading.learning import learn
from train.reading.settings import Language, ReadingSettings
from train.reading.text_model import Likely, Probabilities, TextModel
from train.scoring.ctc import SMALLEST
from train.scoring.intervals import Gain, paired_gain_interval

ORDERS = (3, 4, 6)
WEIGHTS = (0.1, 0.2, 0.3, 0.5, 0.8)
BONUSES = (0.0, 1.0, 2.0)
"""Nats a character, times the weight."""
FOLDS = 10
TIE, LEAST = 1e-5, 1e-9
"""What a nat of a line's right text counts against a line that is right, and the least share of a text."""
NO_TIME = "no time was left to try one"
NO_TEXT = " "
"""Label of what is none: nothing that is read there is right."""
TEXTS, NATS, TOKENS = 12, 12.0, 100
"""Texts of a line and level among which an n-gram chooses, what they may cost, and what is followed to find them."""
Right = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PredictedLines:
    """What a network predicts for labelled lines.

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
class ChosenNgram:
    """The n-gram that reads best.

    Attributes:
        corpus: what it was learnt from.
        gain: what n-grams gain on lines that did not choose them.
    """

    language: Language
    corpus: str
    gain: Gain


def limit_texts(texts: Sequence[str], seed: int) -> Sequence[str]:
    """Return the texts, or as many drawn ones as MOST_TEXTS and MOST_CHARACTERS allow."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    if len(texts) <= MOST_TEXTS and lengths.sum() <= MOST_CHARACTERS:
        return texts
    chosen = np.random.default_rng(seed).choice(len(texts), min(len(texts), MOST_TEXTS), replace=False)
    chosen = chosen[: max(1, int(np.searchsorted(lengths[chosen].cumsum(), MOST_CHARACTERS, "right")))]
    return [texts[index] for index in sorted(chosen.tolist())]


def list_corpora(labels: Sequence[str], further: Sequence[str]) -> list[Corpus]:
    """Return what n-grams are learnt from: labels, texts without images, both, and both with equal weight."""
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
    lines: PredictedLines,
    corpora: Sequence[Corpus],
    charset: Charset,
    before: ReadingSettings,
    seed: int,
    deadline: float | None = None,
) -> ChosenNgram | str:
    """Return the n-gram that reads validation best, under the rules, and what n-grams gain; or why there is none.

    The gain is cross-fitted: each tenth of the lines is read with what the others chose among the settings. The best of
    many on the lines that chose it flatters.

    Args:
        lines: validation lines.
        corpora: what n-grams are learnt from.
        charset: of the network.
        before: the rules, and the n-gram, if any, that others have to beat.
        seed: of the tenths.
        deadline: Unix time from which on no further one is tried; None for none.
    """
    model, found = TextModel(before.model_copy(update={"language": None}), charset), list[Likely]()
    for batch in lines.batches:
        if is_late(deadline):
            return NO_TIME
        found += model.list_likely(batch, NATS, TEXTS, TOKENS)
    likely = _LikelyTexts(found, lines.labels, charset)
    now = likely.judge(_score_texts(before.language, likely.texts, likely.lengths))
    if is_hopeless(now.right, np.maximum(now.right, likely.possible), seed):
        return "no gain could be more than chance: where lines are wrong, the right text is not among the likely ones"
    tried = _NgramSearch(likely, charset, now)
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
    """Tell whether even the largest possible gain could be chance; (N,) each, whether lines are right."""
    return paired_gain(now, possible, seed).interval.low <= 0


class _NgramSearch:
    """The n-grams tried so far, each judged on the likely texts of all lines."""

    def __init__(self, likely: "_LikelyTexts", charset: Charset, now: "_Judged") -> None:
        """Begin with `now`, what is read without a new n-gram."""
        self._likely, self._charset = likely, charset
        self._judged = [now]
        self._settings: list[tuple[Corpus, int, float, float]] = []

    def gain_by(self, corpus: Corpus, order: int) -> bool:
        """Try all weights of an n-gram; tell whether one of them reads more lines right than no new n-gram."""
        found, first = self._likely, len(self._judged)
        scores = learn(corpus.texts, self._charset, order, corpus.weights).score(found.texts)
        for weight, bonus in product(WEIGHTS, BONUSES):
            self._judged.append(found.judge(weight * (scores + bonus * found.lengths)))
            self._settings.append((corpus, order, weight, weight * bonus))
        most = max(float(one.right.sum()) for one in self._judged[first:])
        return most > float(self._judged[0].right.sum())

    def best(self, seed: int) -> ChosenNgram | str:
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
        return ChosenNgram(
            language, corpus.name, paired_gain(rights[0], _cross_fit(rights, worth, seed), seed)
        )


def _score_texts(language: Language | None, texts: Sequence[Sequence[int]], lengths: Right) -> Right:
    """Return what a language model gives texts, in nats; nothing without one."""
    if language is None:
        return np.zeros(len(lengths))
    return language.weight * language.ngram.score(texts) + language.bonus * lengths


def paired_gain(before: Right, after: Right, seed: int) -> Gain:
    """Return what one way to read gains over another, (N,) each: whether each line is right."""
    first, second = (np.stack([np.ones(len(right)), right], axis=1) for right in (before, after))
    return paired_gain_interval(first, second, lambda sums: float(sums[1] / sums[0]), seed)


def _cross_fit(rights: Right, worth: Right, seed: int) -> Right:
    """Return (N,) whether each line is right with that row of (S, N) that is worth most on the folds without it."""
    fold = np.random.default_rng(seed).permutation(rights.shape[1]) % FOLDS
    own = fold == np.arange(FOLDS)[:, None]
    best = (worth.sum(axis=1)[:, None] - worth @ own.T).argmax(axis=0)
    return np.asarray(rights[best[fold], np.arange(len(fold))])


class _Judged(NamedTuple):
    """How lines are read, (N,) each.

    Attributes:
        right: whether each is right.
        worth: that, and far behind it the log-likelihood of the right text among the likely ones: of settings that read
            as many lines right it tells which does so most surely.
    """

    right: Right
    worth: Right


class _LikelyTexts:
    """The likeliest texts of lines, among which an n-gram chooses."""

    def __init__(self, found: Sequence[Likely], labels: Sequence[str], charset: Charset) -> None:
        """Put the texts of all lines, their scores, and whether they are right, into tables."""
        self.texts = [classes for texts in found for classes in texts]
        self.lengths = np.array([len(classes) for classes in self.texts], float)
        counts = np.array([len(texts) for texts in found])
        self._places = np.arange(max(1, counts.max(initial=0))) < counts[:, None]
        self._scores = self._lay_out([score for texts in found for score in texts.values()], -np.inf)
        right = [
            not charset.unknown(label) and list(classes) == charset.encode(label)
            for texts, label in zip(found, labels, strict=True)
            for classes in texts
        ]
        self._right = self._lay_out(right, 0.0)

    def _lay_out(self, values: npt.ArrayLike, otherwise: float) -> Right:
        """Return (N, K) values of the texts, a row for each line, filled up with `otherwise`."""
        table = np.full(self._places.shape, otherwise)
        table[self._places] = values
        return table

    @property
    def possible(self) -> Right:
        """(N,) whether the right text is among those of each line."""
        return np.asarray(self._right.max(axis=1))

    def judge(self, gains: Right) -> _Judged:
        """Return how lines are read if each takes its best text; `gains`: what an n-gram adds to each text, in nats."""
        scores = self._scores + self._lay_out(gains, 0.0)
        chosen = scores.argmax(axis=1)[:, None]
        right = np.take_along_axis(self._right, chosen, axis=1)[:, 0]
        best = np.take_along_axis(scores, chosen, axis=1)
        shares = np.exp(
            scores - np.where(np.isfinite(best), best, 0.0)
        )  # a hard rule may exclude all of them
        right_share = (shares * self._right).sum(axis=1) / np.maximum(shares.sum(axis=1), SMALLEST)
        return _Judged(right, right + TIE * np.log(np.maximum(right_share, LEAST)))
