"""The n-gram that reads validation lines best, of the texts that there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from train.data.charset import Charset
from train.reading.grammar import Grammar
from train.reading.knowledge import FEWEST_TEXTS, MOST_TEXTS
from train.reading.ngram import learn
from train.reading.paths import Path, best_paths
from train.reading.settings import Language
from train.reading.text_model import SMALLEST, Probabilities
from train.scoring.intervals import Gain, paired_gain_interval

ORDERS = (3, 4, 6)
WEIGHTS = (0.1, 0.2, 0.3, 0.5, 0.8)
BONUSES = (0.0, 1.0, 2.0)
"""Nats a character, times the weight."""
TEXTS, NATS = 12, 12.0
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
    heard: Heard, corpora: Sequence[Corpus], charset: Charset, seed: int, before: Language | None = None
) -> Tried | None:
    """Return the n-gram that reads validation best, and what n-grams gain; None if nothing beats what there is.

    The gain is cross-fitted: each half of the lines is read with what the other half chose among the settings. The
    best of many on the lines that chose it flatters.

    Args:
        heard: validation lines.
        corpora: what n-grams are learnt from.
        charset: of the network.
        seed: of the halves.
        before: what n-grams have to beat; None for reading greedily.
    """
    candidates = _Candidates(heard, charset)
    lengths = np.array([len(classes) for classes in candidates.texts], float)
    rights, settings = [candidates.right(_given(before, candidates.texts, lengths))], []
    for corpus, order in product(corpora, ORDERS):
        ngram = learn(corpus.texts, charset, order, corpus.weights)
        scores = ngram.score(candidates.texts)
        for weight, bonus in product(WEIGHTS, BONUSES):
            rights.append(candidates.right(weight * (scores + bonus * lengths)))
            settings.append((corpus, order, weight, weight * bonus))
    table = np.stack(rights)
    best = int(table.sum(axis=1).argmax())  # of equal ones the first: as it was, and small orders and weights
    if not best:
        return None
    corpus, order, weight, bonus = settings[best - 1]
    arrays = learn(corpus.texts, charset, order, corpus.weights).as_json()
    language = Language(order=order, weight=weight, bonus=bonus, arrays=arrays)
    return Tried(language, corpus.name, paired_gain(table[0], _cross_fitted(table, seed), seed))


def _given(language: Language | None, texts: Sequence[Sequence[int]], lengths: Right) -> Right:
    """Return what a language model gives texts, in nats; nothing without one."""
    if language is None:
        return np.zeros(len(lengths))
    return language.weight * language.ngram.score(texts) + language.bonus * lengths


def paired_gain(before: Right, after: Right, seed: int) -> Gain:
    """Return what one way to read gains over another, (N,) each: whether each line is right."""
    first, second = (np.stack([np.ones(len(right)), right], axis=1) for right in (before, after))
    return paired_gain_interval(first, second, lambda sums: float(sums[1] / sums[0]), seed)


def _cross_fitted(rights: Right, seed: int) -> Right:
    """Return (N,) whether each line is right with the row of (S, N) that is best on the half that it is not in."""
    half = np.zeros(rights.shape[1], bool)
    half[np.random.default_rng(seed).permutation(len(half))[: len(half) // 2]] = True
    best_in, best_out = (rights[:, some].sum(axis=1).argmax() for some in (half, ~half))
    return np.where(half, rights[best_out], rights[best_in])


class _Candidates:
    """The likeliest texts of lines, among which an n-gram chooses."""

    def __init__(self, heard: Heard, charset: Charset) -> None:
        """Find them, and which of them are right."""
        found = [paths for batch in heard.batches for paths in _likeliest(batch)]
        self.texts = [path.classes for paths in found for path in paths]
        self._places = np.arange(TEXTS) < np.array([len(paths) for paths in found])[:, None]
        self._costs = self._laid([path.cost for paths in found for path in paths], np.inf)
        right = [
            not charset.unknown(label) and list(path.classes) == charset.encode(label)
            for paths, label in zip(found, heard.labels, strict=True)
            for path in paths
        ]
        self._right = self._laid(right, 0.0)

    def _laid(self, values: npt.ArrayLike, otherwise: float) -> Right:
        """Return (N, TEXTS) values of the texts, line by line."""
        table = np.full(self._places.shape, otherwise)
        table[self._places] = values
        return table

    def right(self, gains: Right) -> Right:
        """Return (N,) whether each line is right if of its texts the best is taken; `gains` of all in nats."""
        chosen = (self._costs - self._laid(gains, 0.0)).argmin(axis=1)
        return np.asarray(np.take_along_axis(self._right, chosen[:, None], axis=1)[:, 0])


def _likeliest(batch: Probabilities) -> list[list[Path]]:
    logs = np.log(np.maximum(batch, SMALLEST))
    return best_paths(logs, Grammar(), np.full(len(batch), NATS), 2 * TEXTS, TEXTS)
