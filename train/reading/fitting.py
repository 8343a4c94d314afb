"""The text model that suits a trained network: rules weighed by labels, an n-gram where it helps, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.data.charset import Charset
from train.data.checks.rules import quote_some
from train.reading.calibration import calibrate
from train.reading.formats.rules import Rule, weigh
from train.reading.knowledge import FEWEST_LINES, FEWEST_TEXTS, EarlierTextModel, TextKnowledge
from train.reading.languages import (
    NO_TEXT,
    NO_TIME,
    ChosenNgram,
    Corpus,
    PredictedLines,
    find_language,
    is_hopeless,
    limit_texts,
    list_corpora,
    paired_gain,
)
from train.reading.settings import Language, ReadingSettings, TextReading
from train.reading.text_model import TextModel
from train.scoring.intervals import Gain

Right = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FittedTextModel:
    """A text model, and what speaks for it on the lines that chose it.

    Attributes:
        gain: of the share of texts that are right, over reading greedily.
        notes: what was decided, in sentences.
        hurried: whether n-grams were left out for want of time.
    """

    settings: ReadingSettings
    gain: Gain
    notes: tuple[str, ...]
    hurried: bool = False


def fit(
    lines: PredictedLines, charset: Charset, knowledge: TextKnowledge, earlier: EarlierTextModel | None = None
) -> FittedTextModel:
    """Return the text model of a network.

    Args:
        lines: validation lines.
        charset: of the network.
        knowledge: what is known of the texts.
        earlier: the text model of the bundle that training began with: it stays but for what is shown to be better.
    """
    fitting = _Fitting(lines, charset, knowledge, earlier)
    fitting.take_rules()
    fitting.take_language()
    fitting.calibrate()
    return fitting.fitted()


class _Fitting:
    """A text model on its way: each step keeps what reads validation better."""

    def __init__(
        self,
        lines: PredictedLines,
        charset: Charset,
        knowledge: TextKnowledge,
        earlier: EarlierTextModel | None,
    ) -> None:
        self._lines, self._charset, self._knowledge = lines, charset, knowledge
        self._before = earlier.written_in(charset) if earlier else ReadingSettings()
        self._enough = earlier is None or len(lines.labels) >= FEWEST_LINES
        self._texts = limit_texts(knowledge.texts, knowledge.seed)
        self._notes: list[str] = []
        self._hurried = False
        self._settings = ReadingSettings()
        self._greedy = self._right = self._read(self._settings)

    def take_rules(self) -> None:
        """Take the rules that are declared, or else those of before; leave out those that read worse."""
        rules = self._weighed_rules()
        self._notes += map(_describe, rules)
        for rule in rules:
            self._writable(rule.lexicon, f"texts of the {rule.name}")
        firm = tuple(rule for rule in rules if rule.hard and self._knowledge.rules)
        self._settings = ReadingSettings(rules=rules)
        self._right = self._read(self._settings) if rules else self._greedy
        if self._enough and self._right.sum() < self._greedy.sum() and len(firm) < len(rules):
            told = tuple(
                rule.model_copy(update={"told": True}) for rule in rules if rule.find and rule not in firm
            )
            self._settings = ReadingSettings(rules=(*firm, *told))
            self._right = self._read(self._settings)
            kind = "that are not hard" if self._knowledge.rules else "of the bundle that training began with"
            left = "they find lines, but decide no text" if told else "left out"
            self._notes.append(f"rules {kind} read worse on validation: {left}")
        if self._settings.finds and not any(rule.required for rule in self._settings.rules):
            self._notes.append("find: no rule that nearly all labels obey, so no line of a page is left out")

    def _weighed_rules(self) -> tuple[Rule, ...]:
        """Return the rules as labels obey them; those of before as they were where labels are too few to tell."""
        rules = self._knowledge.rules or self._before.rules
        if not self._knowledge.rules and len(self._texts) < FEWEST_TEXTS:
            return rules
        texts = self._texts or [label for label in self._lines.labels if label != NO_TEXT]
        return weigh(rules, texts, self._knowledge.seed) if rules else ()

    def take_language(self) -> None:
        """Take the n-gram of before unless it reads worse, and a new one if that is better by more than chance."""
        before = self._before.language
        if before is not None:
            taken = self._take(before, least=0) or not self._enough
            self._notes.append(f"the n-gram of before: {'kept' if taken else 'reads worse now, left out'}")
        corpora = list_corpora(self._texts, self._further()) if self._enough else []
        if not corpora:
            return
        tried = self._find_ngram(corpora)
        self._hurried = tried == NO_TIME
        if isinstance(tried, str):
            self._notes.append(f"n-gram: {tried}")
            return
        low, high = tried.gain.interval.ends
        taken = low > 0 and self._take(tried.language, least=1)
        self._notes.append(
            f"n-gram of order {tried.language.order}, learnt from {tried.corpus}: {tried.gain.difference:+.3f} on "
            f"validation lines that did not choose it (95 %: {low:+.3f} to {high:+.3f}), "
            + ("taken" if taken else "left out")
        )

    def _find_ngram(self, corpora: Sequence[Corpus]) -> ChosenNgram | str:
        """Return the n-gram that reads best, or why none was looked for or found."""
        seed, count = self._knowledge.seed, len(self._right)
        if is_hopeless(self._right, np.ones(count), seed):
            wrong = count - int(self._right.sum())
            return (
                f"not tried, {wrong} of {count} validation lines are wrong: no gain could be more than chance"
            )
        return find_language(
            self._lines, corpora, self._charset, self._settings, seed, self._knowledge.deadline
        )

    def _take(self, language: Language, least: int) -> bool:
        """Take a language model if at least so many more lines are right with it; tell whether it was taken."""
        settings = self._settings.model_copy(update={"language": language})
        right = self._read(settings)
        better = right.sum() >= self._right.sum() + least
        if better or not self._enough:
            self._settings, self._right = settings, right
        return bool(better)

    def _further(self) -> Sequence[str]:
        """Return the texts without images that the network can write, and say how many it cannot."""
        return limit_texts(
            self._writable(self._knowledge.further, "texts without images"), self._knowledge.seed
        )

    def _writable(self, texts: Sequence[str], named: str) -> list[str]:
        """Return the texts that the network can write, and say how many it cannot."""
        lacking = [self._charset.unknown(text) for text in texts]
        if left := sum(map(bool, lacking)):
            shown = quote_some(sorted(set().union(*lacking)))
            self._notes.append(
                f"{left} of {len(texts)} {named} hold {shown}, which the charset lacks: left out"
            )
        return [text for text, unknown in zip(texts, lacking, strict=True) if not unknown]

    def calibrate(self) -> None:
        """Measure what scores say of texts being right; what was measured before stays where lines are too few."""
        calibration = self._before.calibration
        lines = len(self._lines.labels)
        if lines and (self._enough or calibration is None):
            scores = [one.score for one in read_all(self._settings, self._charset, self._lines)]
            calibration = calibrate(scores, self._right.astype(bool).tolist(), self._knowledge.precision)
            self._notes.append(f"accepted: {calibration.measured}")
        elif lines:
            self._notes.append(f"{lines} lines choose nothing: n-gram and calibration as before")
        self._settings = self._settings.model_copy(update={"calibration": calibration})

    def fitted(self) -> FittedTextModel:
        """Return what was chosen."""
        gain = paired_gain(self._greedy, self._right, self._knowledge.seed)
        return FittedTextModel(self._settings, gain, tuple(self._notes), self._hurried)

    def _read(self, settings: ReadingSettings) -> Right:
        """Return (N,) whether each line is read right."""
        readings = read_all(settings, self._charset, self._lines)
        return np.array(
            [one.text == label for one, label in zip(readings, self._lines.labels, strict=True)], float
        )


def read_all(settings: ReadingSettings, charset: Charset, lines: PredictedLines) -> list[TextReading]:
    """Return the reading of every line."""
    model = TextModel(settings, charset)
    return [reading for batch in lines.batches for reading in model.read(batch)]


def _describe(rule: Rule) -> str:
    low, high = rule.share.ends
    least, most = rule.range_nats
    worth = f"worth {rule.nats:.1f} nats" + (
        f", {least:.1f} to {most:.1f} by the first character" if rule.by_first else ""
    )
    worth = "hard" if rule.hard else worth
    return (
        f"{rule.name}: {rule.obeying} of {rule.labels} labels obey (95 %: {low:.2f} to {high:.2f}), {worth}"
    )
