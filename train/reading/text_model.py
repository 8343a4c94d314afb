"""The text model: what stands between a network's probabilities and the text, chosen after training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from train.data.charset import BLANK, Charset, Decoded, decode_line
from train.data.texts.forms import text_of
from train.reading.decoding.choices import Lines
from train.reading.decoding.finder import TextFinder
from train.reading.decoding.grammar import Grammar
from train.reading.decoding.paths import Path, best_paths
from train.reading.decoding.spelling import Spelling
from train.reading.formats.levels import Level, make_levels
from train.reading.settings import ReadingSettings, TextReading
from train.scoring.ctc import SMALLEST

LEAST_SCORE = -1e6
"""Of a line that no text fits which obeys the hard rules: JSON has no infinity."""
Probabilities = npt.NDArray[np.float32]
Likely = dict[tuple[int, ...], float]
"""Texts, given by their classes, and their scores in nats."""


@dataclass(frozen=True)
class _PossibleReading:
    """A text, and what it scores.

    Attributes:
        level: how many rules it obeys, from the first on.
        among: the level whose texts were looked at when it was found to be the best.
    """

    classes: tuple[int, ...]
    columns: tuple[int, ...]
    slack: float
    score: float
    level: int
    among: int = 0


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
        self._spelling = Spelling(language.ngram, language.weight, language.bonus) if language else None
        self._finders = [TextFinder(level, self._spelling, self._text) for level in self._levels]

    def read(self, probabilities: Probabilities) -> list[TextReading]:
        """Return the reading of each line, (N, T, C) float32, softmax over C."""
        greedy = [decode_line(line, self.charset.characters) for line in probabilities]
        best = np.log(np.maximum(probabilities.max(axis=2), SMALLEST)).sum(axis=1, dtype=np.float64)
        written = [
            tuple(row[list(line.columns)].argmax(axis=1).tolist())
            for line, row in zip(greedy, probabilities, strict=True)
        ]
        raw = [
            self._score_path(Path(classes, line.columns, self._price(classes), 0.0))
            for line, classes in zip(greedy, written, strict=True)
        ]
        found = self._weighed(probabilities, raw)
        return [
            self._reading(line, float(top), own, probabilities[index])
            for index, (line, top, own) in enumerate(zip(greedy, best, found, strict=True))
        ]

    def _score_path(self, path: Path, least: int = 0) -> _PossibleReading:
        """Weigh a path, the best of those that obey the first `least` rules."""
        level = self._level_of(path.classes, least)
        score = self._levels[level].worth(path.classes) - path.cost if level >= self._hard else -math.inf
        return _PossibleReading(path.classes, path.columns, path.slack, score, level, least)

    def _level_of(self, classes: Sequence[int], level: int) -> int:
        """Return how many of the rules, from the first on, a text obeys; `level` of them it does."""
        text = self._text(classes)
        while level + 1 < len(self._levels) and self._levels[level + 1].holds(text, classes):
            level += 1
        return level

    def _price(self, classes: Sequence[int]) -> float:
        """Return what a text costs by the language model."""
        return self._spelling.price(classes) if self._spelling else 0.0

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
        lines = Lines(probabilities)
        within = np.full(len(lines), nats)
        found: list[Likely] = [{} for _ in range(len(lines))]
        for level in self._levels[self._hard :]:
            grammar = Grammar(level.automaton, entry=level.entry)
            for own, paths in zip(found, best_paths(lines, grammar, within, most, texts), strict=True):
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
        lines, latest = Lines(probabilities), list(raw)
        first = self._hard if self._spelling is not None or self._hard else 1
        for level in range(first, len(self._levels)):
            some = self._open_lines(level, found, latest, lines)
            gains = self._levels[level].nats - np.array([found[i][0].score for i in some])
            paths = self._finders[level].best(lines.only(some), gains) if some else []
            for index, path in zip(some, paths, strict=True):
                if path is not None:
                    latest[index] = one = self._score_path(path, level)
                    if all(one.classes != other.classes for other in found[index]):
                        found[index] = sorted([*found[index], one], key=lambda one: -one.score)
        return found

    def _open_lines(
        self,
        level: int,
        found: Sequence[Sequence[_PossibleReading]],
        latest: Sequence[_PossibleReading],
        lines: Lines,
    ) -> list[int]:
        """Return the lines that may have a better text of a level.

        One whose best text so far (`latest`) is of an earlier level may have. Any other may only if a text with another
        first character can overtake it: what obeying is worth depends on that (`worth_by_first`), and this level may
        value another one more than the level that the text was the best of.
        """
        if self._spelling is not None and level == self._hard:
            return list(range(len(found)))
        own = self._levels[level]
        some = [i for i, ones in enumerate(found) if own.nats > ones[0].score]
        new = [i for i in some if latest[i].level < level]
        known = [i for i in some if latest[i].level >= level] if own.entry is not None else []
        firsts = [latest[i].classes[0] if latest[i].classes else BLANK for i in known]
        gained = [
            np.asarray(own.worth_by_first - self._levels[latest[i].among].worth_by_first) for i in known
        ]
        more = np.array([nats > nats[first] for nats, first in zip(gained, firsts, strict=True)])
        if not more.any():
            return new
        gains = own.nats - np.array([found[i][0].score for i in known])
        better = more & self._finders[level].within_reach(lines.only(known), gains)
        return sorted([*new, *(known[place] for place in np.flatnonzero(better.any(axis=1)))])

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
