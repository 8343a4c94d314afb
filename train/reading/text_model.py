"""The text model: what stands between a network's probabilities and the text, chosen after training."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from train.config import Frozen
from train.data.charset import Charset, Decoded, decode_line
from train.data.texts.forms import text_of
from train.reading.calibration import Calibration
from train.reading.formats.levels import Level, make_levels
from train.reading.formats.rules import Rule
from train.reading.grammar import Costs, Grammar
from train.reading.ngram import Ngram
from train.reading.paths import Path, best_paths

SMALLEST = 1e-30
MOST_TOKENS, BEAM = 4000, 24
"""Tokens of a line: a network that says nothing must not stop a server. Lines of a trained one have some tens."""
MOST_BEAM, LEAST_BEAM, BEAM_WEIGHT = 8.0, 2.0, 15.0
"""Nats within which a language model chooses: what it can make up for grows with its weight."""
EVERYTHING = 10**9
DEPTH = 64
"""How many of the likeliest texts are tried for a check without an automaton."""
WIDER = (0.0, 4.0, 12.0, 96.0, math.inf)
Probabilities = npt.NDArray[np.float32]


class Language(Frozen):
    """A language model and how it counts; see `Ngram` for `arrays`."""

    order: int
    weight: float
    bonus: float
    arrays: dict[str, Any]

    @cached_property
    def ngram(self) -> Ngram:
        """The model."""
        return Ngram.from_json(self.arrays)


class ReadingSettings(Frozen):
    """A text model as a bundle keeps it.

    Attributes:
        rules: the hard ones first.
        language: None where texts do not tell enough.
        calibration: what a text's score says of its being right; None where that was not measured.
    """

    rules: tuple[Rule, ...] = ()
    language: Language | None = None
    calibration: Calibration | None = None

    @property
    def idle(self) -> bool:
        """Whether every line reads as greedily."""
        return not self.rules and self.language is None


@dataclass(frozen=True)
class TextReading:
    """What a line says under a text model; it unpacks as text and confidence.

    Attributes:
        text: under the text model.
        confidence: mean probability of its characters in [0, 1].
        columns: the output step of every character of the picture.
        picture: its characters from left to right, as the network writes them.
        raw: as read greedily.
        raw_confidence: its confidence.
        raw_columns: its `columns`.
        raw_picture: its `picture`.
        probability: of the text's best alignment, in [0, 1].
        raw_probability: that of `raw`.
        score: in nats, comparable between lines: log-probability, and what the rules and the language model give.
        margin: nats between the text and the best other one that was weighed; None where none was.
        rules: by name, whether the text obeys.
        right: the probability that the whole text is right; None without calibration.
        accepted: whether that is enough; None without calibration.
    """

    text: str
    confidence: float
    columns: tuple[int, ...]
    picture: str
    raw: str
    raw_confidence: float
    raw_columns: tuple[int, ...]
    raw_picture: str
    probability: float
    raw_probability: float
    score: float
    margin: float | None = None
    rules: dict[str, bool] = field(default_factory=dict)
    right: float | None = None
    accepted: bool | None = None

    def __iter__(self) -> Iterator[Any]:
        """Yield text and confidence."""
        return iter((self.text, self.confidence))


@dataclass(frozen=True)
class _Candidate:
    classes: tuple[int, ...]
    columns: tuple[int, ...]
    slack: float
    score: float
    level: int


class TextModel:
    """Reads CTC probabilities; without rules and language model exactly as `decode_line` does."""

    def __init__(self, settings: ReadingSettings, charset: Charset) -> None:
        """Build the automata; raise UsageError where the charset can write no text that obeys."""
        self.settings, self.charset = settings, charset
        self._levels: tuple[Level, ...] = make_levels(settings.rules, charset)
        self._hard = sum(rule.hard for rule in settings.rules)
        language = settings.language
        self._ngram = language.ngram if language else None
        self._weight, self._bonus = (language.weight, language.bonus) if language else (0.0, 0.0)
        self._beam = min(MOST_BEAM, LEAST_BEAM + BEAM_WEIGHT * self._weight + self._bonus)

    def read(self, probabilities: Probabilities) -> list[TextReading]:
        """Return the reading of each line, (N, T, C) float32, softmax over C."""
        greedy = [decode_line(line, self.charset.characters) for line in probabilities]
        best = np.log(np.maximum(probabilities.max(axis=2), SMALLEST)).sum(axis=1, dtype=np.float64)
        raw = self._candidates(
            [
                Path(tuple(row[list(line.columns)].argmax(axis=1).tolist()), line.columns, 0.0)
                for line, row in zip(greedy, probabilities, strict=True)
            ]
        )
        found = self._weighed(probabilities, raw)
        return [
            self._reading(line, float(top), own, probabilities[index])
            for index, (line, top, own) in enumerate(zip(greedy, best, found, strict=True))
        ]

    def _candidates(self, found: Sequence[Path]) -> list[_Candidate]:
        """Return texts, whose costs are those of their alignments alone, with their scores."""
        language = np.zeros(len(found))
        if self._ngram is not None:
            language = self._language([path.classes for path in found])
        made = []
        for path, given in zip(found, language.tolist(), strict=True):
            level = self._level_of(path.classes)
            score = self._levels[level].nats - path.cost + given if level >= self._hard else -math.inf
            made.append(_Candidate(path.classes, path.columns, path.cost, score, level))
        return made

    def _level_of(self, classes: Sequence[int]) -> int:
        """Return how many of the rules, from the first on, a text obeys."""
        text, level = self._text(classes), 0
        while level + 1 < len(self._levels) and self._levels[level + 1].holds(text, classes):
            level += 1
        return level

    def _language(self, texts: Sequence[Sequence[int]]) -> Costs:
        """Return what the language model gives texts."""
        assert self._ngram is not None, "asked for only with one"
        return self._weight * self._ngram.score(texts) + self._bonus * np.array([len(text) for text in texts])

    def _picture(self, classes: Sequence[int]) -> str:
        return "".join(self.charset.characters[number - 1] for number in classes)

    def _text(self, classes: Sequence[int]) -> str:
        return text_of(self._picture(classes))

    def _weighed(self, probabilities: Probabilities, raw: Sequence[_Candidate]) -> list[list[_Candidate]]:
        """Return the candidates of each line, the best first: as read greedily, and the best of each level."""
        found = [[one] for one in raw]
        logs: npt.NDArray[np.float32] | None = None
        latest = list(raw)
        first = self._hard if self._ngram is not None or self._hard else 1
        for level in range(first, len(self._levels)):
            lines = [i for i, own in enumerate(found) if self._is_open(level, own, latest[i])]
            if not lines:
                continue
            logs = np.log(np.maximum(probabilities, SMALLEST)) if logs is None else logs
            gains = np.array([self._levels[level].nats - found[i][0].score for i in lines])
            paths = dict(zip(lines, self._search(logs[lines], level, gains), strict=True))
            hits = {index: path for index, path in paths.items() if path is not None}
            for index, one in zip(hits, self._of_paths(list(hits.values())), strict=True):
                latest[index] = one
                found[index] = sorted({*found[index], one}, key=lambda one: -one.score)
        return found

    def _is_open(self, level: int, own: Sequence[_Candidate], latest: _Candidate) -> bool:
        """Whether a level may have a better text: the best text of the one below it is not already of it."""
        if self._ngram is not None and level == self._hard:
            return True
        return latest.level < level and self._levels[level].nats > own[0].score

    def _search(
        self, logs: npt.NDArray[np.float32], level: int, gains: npt.NDArray[np.float64]
    ) -> list[Path | None]:
        """Return the best text of a level in each line, where it costs less than it gains."""
        if self._ngram is not None:
            grammar = Grammar(self._levels[level].automaton, self._ngram, self._weight, self._bonus)
            best = self._first(logs, grammar, level, np.full(len(logs), self._beam), BEAM)
            missed = [i for i, path in enumerate(best) if path is None and math.isinf(gains[i])]
            if missed:  # a beam may end where no text that obeys a hard rule does
                for index, path in zip(missed, self._exact(logs[missed], level, gains[missed]), strict=True):
                    best[index] = path
            return best
        return self._exact(logs, level, gains)

    def _exact(
        self, logs: npt.NDArray[np.float32], level: int, gains: npt.NDArray[np.float64]
    ) -> list[Path | None]:
        """Return the best text of a level in each line, without the language model."""
        grammar = Grammar(self._levels[level].automaton)
        found: list[Path | None] = [None] * len(logs)
        most = MOST_TOKENS
        for narrower, bound in pairwise(WIDER):  # the nearest texts are found with the least work
            left = [i for i, path in enumerate(found) if path is None and gains[i] > narrower]
            within = np.minimum(gains[left], bound)
            most = most if math.isfinite(bound) else EVERYTHING  # a text that obeys a hard rule there must be
            for index, path in zip(left, self._first(logs[left], grammar, level, within, most), strict=True):
                found[index] = path
        return found

    def _first(
        self,
        logs: npt.NDArray[np.float32],
        grammar: Grammar,
        level: int,
        within: npt.NDArray[np.float64],
        most: int,
    ) -> list[Path | None]:
        others = self._levels[level].others
        if not len(logs):
            return []
        texts = best_paths(logs, grammar, within, most if not others else DEPTH * 2, DEPTH if others else 1)
        return [
            next((path for path in own if all(rule.holds(self._text(path.classes)) for rule in others)), None)
            for own in texts
        ]

    def _of_paths(self, paths: Sequence[Path]) -> list[_Candidate]:
        if self._ngram is not None and paths:
            language = self._language([path.classes for path in paths]).tolist()
            paths = [
                replace(path, cost=path.cost + given) for path, given in zip(paths, language, strict=True)
            ]
        return self._candidates(paths)

    def _reading(
        self, greedy: Decoded, best: float, own: Sequence[_Candidate], line: Probabilities
    ) -> TextReading:
        chosen = own[0]
        if chosen.score == -math.inf:  # hard rules, and too few steps for any text that obeys
            chosen = _Candidate((), (), math.inf, -math.inf, 0)
        text = self._text(chosen.classes)
        same = chosen.classes == own[0].classes and text == greedy.text
        confidence = greedy.confidence if same else _confidence(line, chosen)
        columns = greedy.columns if same else chosen.columns
        score = best + chosen.score
        right = self.settings.calibration
        return TextReading(
            text=text,
            confidence=confidence,
            columns=columns,
            picture=greedy.picture if same else self._picture(chosen.classes),
            raw=greedy.text,
            raw_confidence=greedy.confidence,
            raw_columns=greedy.columns,
            raw_picture=greedy.picture,
            probability=math.exp(best - chosen.slack),
            raw_probability=math.exp(best),
            score=score,
            margin=own[0].score - own[1].score if len(own) > 1 and math.isfinite(own[1].score) else None,
            rules={
                rule.name: number < chosen.level or rule.holds(text)
                for number, rule in enumerate(self.settings.rules)
            },
            right=right.probability(score) if right else None,
            accepted=right.accepts(score) if right else None,
        )


def _confidence(line: Probabilities, chosen: _Candidate) -> float:
    if not chosen.classes:
        return 0.0
    return float(line[list(chosen.columns), list(chosen.classes)].mean())
