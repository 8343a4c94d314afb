"""The text model that suits a trained network: rules weighed by labels, an n-gram where it helps, calibration."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import numpy.typing as npt

from train.data.charset import Charset
from train.reading.calibration import calibrated
from train.reading.formats.rules import Rule, weighed
from train.reading.grammar import Grammar
from train.reading.ngram import Ngram, learn
from train.reading.paths import Path, best_paths
from train.reading.text_model import (
    SMALLEST,
    Language,
    Probabilities,
    ReadingSettings,
    TextModel,
    TextReading,
)
from train.scoring.intervals import Gain, paired_gain_interval

ORDERS = (3, 4, 6)
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.8)
BONUSES = (0.0, 1.0, 2.0)
"""Nats a character, times the weight."""
FEWEST_TEXTS, MOST_TEXTS = 50, 10_000
"""Training labels that tell something, and as many as are worth the time and the size of the bundle."""
TEXTS, NATS = 12, 12.0


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
class Fitted:
    """A text model, and what speaks for it on the lines that chose it.

    Attributes:
        gain: of the share of texts that are right, over reading greedily.
        notes: what was decided, in sentences.
    """

    settings: ReadingSettings
    gain: Gain
    notes: tuple[str, ...]


def fit(
    heard: Heard,
    texts: Sequence[str],
    charset: Charset,
    rules: Sequence[Rule],
    seed: int,
    precision: float,
) -> Fitted:
    """Return the text model of a network.

    Args:
        heard: validation lines.
        texts: labels of the training lines; of very many, some are drawn.
        charset: of the network.
        rules: as declared.
        seed: of what is drawn.
        precision: share of right texts that `accepted` ones are to have.
    """
    texts = _some(texts, seed)
    fixed = ReadingSettings(rules=weighed(rules, texts, seed) if rules else ())
    notes = [_describe(rule) for rule in fixed.rules]
    greedy = _right(read_all(ReadingSettings(), charset, heard), heard)
    chosen, right = fixed, greedy
    if fixed.rules:
        right = _right(read_all(fixed, charset, heard), heard)
        hard = tuple(rule for rule in fixed.rules if rule.hard)
        if right.sum() < greedy.sum() and len(hard) < len(fixed.rules):
            chosen = ReadingSettings(rules=hard)
            right = _right(read_all(chosen, charset, heard), heard)
            notes.append("rules that are not hard read worse on validation: left out")
    if (tried := _language(heard, texts, charset, seed)) is not None:
        language, gain = tried
        with_language = chosen.model_copy(update={"language": language})
        better = _right(read_all(with_language, charset, heard), heard)
        taken = gain.interval.low > 0 and better.sum() > right.sum()
        notes.append(f"n-gram of order {language.order}: {_said(gain)}, {'taken' if taken else 'left out'}")
        chosen, right = (with_language, better) if taken else (chosen, right)
    readings = read_all(chosen, charset, heard)
    calibration = calibrated([one.score for one in readings], right.astype(bool).tolist(), precision)
    notes.append(f"accepted: {calibration.measured}")
    settings = chosen.model_copy(update={"calibration": calibration})
    return Fitted(settings, _gain(greedy, right, seed), tuple(notes))


def _some(texts: Sequence[str], seed: int) -> Sequence[str]:
    """Return the texts, or MOST_TEXTS drawn ones."""
    if len(texts) <= MOST_TEXTS:
        return texts
    chosen = np.random.default_rng(seed).choice(len(texts), MOST_TEXTS, replace=False)
    return [texts[index] for index in sorted(chosen.tolist())]


def read_all(settings: ReadingSettings, charset: Charset, heard: Heard) -> list[TextReading]:
    """Return the reading of every line."""
    model = TextModel(settings, charset)
    return [reading for batch in heard.batches for reading in model.read(batch)]


def _right(readings: Sequence[TextReading], heard: Heard) -> npt.NDArray[np.float64]:
    return np.array([one.text == label for one, label in zip(readings, heard.labels, strict=True)], float)


def _gain(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64], seed: int) -> Gain:
    first, second = (np.stack([np.ones(len(right)), right], axis=1) for right in (before, after))
    return paired_gain_interval(first, second, lambda sums: float(sums[1] / sums[0]), seed)


def _said(gain: Gain) -> str:
    low, high = gain.interval.ends
    return (
        f"{gain.difference:+.3f} on validation lines that did not choose it (95 %: {low:+.3f} to {high:+.3f})"
    )


def _describe(rule: Rule) -> str:
    low, high = rule.share.ends
    worth = "hard" if rule.hard else f"worth {rule.nats:.1f} nats"
    return (
        f"{rule.name}: {rule.obeying} of {rule.labels} labels obey (95 %: {low:.2f} to {high:.2f}), {worth}"
    )


def _language(
    heard: Heard, texts: Sequence[str], charset: Charset, seed: int
) -> tuple[Language, Gain] | None:
    """Return the n-gram that reads validation best, and what n-grams gain; None if greedy reads as well.

    The gain is cross-fitted: each half of the lines is read with what the other half chose among the settings. The
    best of many on the lines that chose it flatters.
    """
    if len(texts) < FEWEST_TEXTS:
        return None
    found = [paths for batch in heard.batches for paths in _likeliest(batch)]
    lengths = np.array([len(path.classes) for paths in found for path in paths])
    rights, settings = [_chosen_right(found, heard, charset, np.zeros(len(lengths)))], []
    for order in ORDERS:
        ngram = learn(texts, charset, order)
        scores = ngram.score([path.classes for paths in found for path in paths])
        for weight, bonus in product(WEIGHTS, BONUSES):
            rights.append(_chosen_right(found, heard, charset, weight * (scores + bonus * lengths)))
            settings.append(partial(_as_language, ngram, order, weight, weight * bonus))
    table = np.stack(rights)
    best = int(table.sum(axis=1).argmax())  # of equal ones the first: greedy, and small orders and weights
    return (settings[best - 1](), _gain(table[0], _cross_fitted(table, seed), seed)) if best else None


def _cross_fitted(rights: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    """Return (N,) whether each line is right with the row of (S, N) that is best on the half that it is not in."""
    half = np.zeros(rights.shape[1], bool)
    half[np.random.default_rng(seed).permutation(len(half))[: len(half) // 2]] = True
    best_in, best_out = (rights[:, some].sum(axis=1).argmax() for some in (half, ~half))
    return np.where(half, rights[best_out], rights[best_in])


def _as_language(ngram: Ngram, order: int, weight: float, bonus: float) -> Language:
    return Language(order=order, weight=weight, bonus=bonus, arrays=ngram.as_json())


def _likeliest(batch: Probabilities) -> Iterator[list[Path]]:
    logs = np.log(np.maximum(batch, SMALLEST))
    return iter(best_paths(logs, Grammar(), np.full(len(batch), NATS), 2 * TEXTS, TEXTS))


def _chosen_right(
    found: Sequence[Sequence[Path]], heard: Heard, charset: Charset, gains: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return (N,) whether each line is right if of its texts the best is taken."""
    right, first = np.zeros(len(found)), 0
    for line, (paths, label) in enumerate(zip(found, heard.labels, strict=True)):
        costs = np.array([path.cost for path in paths]) - gains[first : first + len(paths)]
        first += len(paths)
        chosen = paths[int(costs.argmin())].classes
        right[line] = not charset.unknown(label) and list(chosen) == charset.encode(label)
    return right
