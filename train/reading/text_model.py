"""The text model: what stands between a network's probabilities and the text, chosen after training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from train.data.charset import Charset, Decoded, decode_line
from train.data.texts.forms import text_of
from train.reading.decoding.finder import TextFinder
from train.reading.decoding.grammar import Costs, Grammar
from train.reading.decoding.paths import Path, best_paths
from train.reading.formats.levels import Level, make_levels
from train.reading.settings import ReadingSettings, TextReading

SMALLEST = 1e-30
LEAST_SCORE = -1e6
"""Of a line that no text fits which obeys the hard rules: JSON has no infinity."""
Probabilities = npt.NDArray[np.float32]
Likely = dict[tuple[int, ...], float]
"""Texts, given by their classes, and their scores in nats."""


@dataclass(frozen=True)
class _PossibleReading:
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
        weighed = [rule for rule in settings.rules if not rule.told]
        self._levels: tuple[Level, ...] = make_levels(weighed, charset)
        self._worth = sum(rule.range_nats[1] for rule in settings.rules)
        self._hard = sum(rule.hard for rule in settings.rules)
        language = settings.language
        self._ngram = language.ngram if language else None
        self._weight, self._bonus = (language.weight, language.bonus) if language else (0.0, 0.0)
        self._finders = [
            TextFinder(level, self._ngram, self._weight, self._bonus, self._text) for level in self._levels
        ]

    def read(self, probabilities: Probabilities) -> list[TextReading]:
        """Return the reading of each line, (N, T, C) float32, softmax over C."""
        greedy = [decode_line(line, self.charset.characters) for line in probabilities]
        best = np.log(np.maximum(probabilities.max(axis=2), SMALLEST)).sum(axis=1, dtype=np.float64)
        written = [
            tuple(row[list(line.columns)].argmax(axis=1).tolist())
            for line, row in zip(greedy, probabilities, strict=True)
        ]
        raw = [
            self._score_path(Path(classes, line.columns, cost, 0.0))
            for line, classes, cost in zip(greedy, written, self._priced(written).tolist(), strict=True)
        ]
        found = self._weighed(probabilities, raw)
        return [
            self._reading(line, float(top), own, probabilities[index])
            for index, (line, top, own) in enumerate(zip(greedy, best, found, strict=True))
        ]

    def _score_path(self, path: Path) -> _PossibleReading:
        level = self._level_of(path.classes)
        score = self._levels[level].worth(path.classes) - path.cost if level >= self._hard else -math.inf
        return _PossibleReading(path.classes, path.columns, path.slack, score, level)

    def _level_of(self, classes: Sequence[int]) -> int:
        """Return how many of the rules, from the first on, a text obeys."""
        text, level = self._text(classes), 0
        while level + 1 < len(self._levels) and self._levels[level + 1].holds(text, classes):
            level += 1
        return level

    def _priced(self, texts: Sequence[Sequence[int]]) -> Costs:
        """Return what texts cost by the language model."""
        if self._ngram is None:
            return np.zeros(len(texts))
        return -self._weight * self._ngram.score(texts) - self._bonus * np.array(
            [len(text) for text in texts]
        )

    def _picture(self, classes: Sequence[int]) -> str:
        return "".join(self.charset.characters[number - 1] for number in classes)

    def _text(self, classes: Sequence[int]) -> str:
        return text_of(self._picture(classes))

    def list_likely(self, probabilities: Probabilities, nats: float, texts: int, most: int) -> list[Likely]:
        """Return so many of the likeliest texts of each line under no rule, the first, the first two, and so on.

        Each with its score without the language model, which is to choose among them.

        Args:
            probabilities: (N, T, C).
            nats: that their alignments may cost at most.
            texts: of each line and level.
            most: ways to read a line so far that are followed.
        """
        logs = np.log(np.maximum(probabilities, SMALLEST))
        found: list[Likely] = [{} for _ in logs]
        for level in self._levels[self._hard :]:
            grammar = Grammar(level.automaton, entry=level.entry)
            for own, paths in zip(
                found, best_paths(logs, grammar, np.full(len(logs), nats), most, texts), strict=True
            ):
                own |= {
                    path.classes: self._score_path(replace(path, cost=path.slack)).score
                    for path in paths
                    if path.classes not in own
                }
        return found

    def _weighed(
        self, probabilities: Probabilities, raw: Sequence[_PossibleReading]
    ) -> list[list[_PossibleReading]]:
        """Return the possible readings of each line, the best first: the greedy one, and the best of each level."""
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
            paths = dict(zip(lines, self._finders[level].best(logs[lines], gains), strict=True))
            for index, path in paths.items():
                if path is not None:
                    latest[index] = one = self._score_path(path)
                    found[index] = sorted({*found[index], one}, key=lambda one: -one.score)
        return found

    def _is_open(self, level: int, own: Sequence[_PossibleReading], latest: _PossibleReading) -> bool:
        """Whether a level may have a better text: the best text of the one below it is not already of it.

        Where the worth depends on the beginning, one of it may be worth less than another.
        """
        if self._ngram is not None and level == self._hard:
            return True
        new = latest.level < level or self._levels[level].entry is not None
        return new and self._levels[level].nats > own[0].score

    def _reading(
        self, greedy: Decoded, best: float, own: Sequence[_PossibleReading], line: Probabilities
    ) -> TextReading:
        chosen = own[0]
        if chosen.score == -math.inf:  # hard rules, and too few steps for any text that obeys
            chosen = _PossibleReading((), (), math.inf, LEAST_SCORE, 0)
        text = self._text(chosen.classes)
        same = chosen.classes == own[0].classes and text == greedy.text
        confidence = greedy.confidence if same else _confidence(line, chosen)
        columns = greedy.columns if same else chosen.columns
        score = best + chosen.score
        right = self.settings.calibration
        rules = self._obeyed(text, chosen.level)
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
            rules=rules,
            raw_rules=rules if text == greedy.text else self._obeyed(greedy.text),
            right=right.probability(score) if right else None,
            accepted=right.accepts(score) if right else None,
            found=self._is_found(text, greedy.text, chosen.slack) if self.settings.finds else None,
        )

    def _obeyed(self, text: str, level: int = 0) -> dict[str, bool]:
        """Return which rules a text obeys; the first `level` ones are known to be among them."""
        return {
            rule.name: number < level or rule.holds(text) for number, rule in enumerate(self.settings.rules)
        }

    def _is_found(self, text: str, raw: str, slack: float) -> bool:
        """Whether a line can be what is looked for: its text can, and costs no more than obeying is worth."""
        near = slack <= self._worth or self.settings.is_wanted(raw)
        return bool(text) and near and self.settings.is_wanted(text)


def _confidence(line: Probabilities, chosen: _PossibleReading) -> float:
    if not chosen.classes:
        return 0.0
    return float(line[list(chosen.columns), list(chosen.classes)].mean())
