"""A text model as a bundle keeps it, and what it says of a line."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from train.config import Frozen
from train.data.charset import Charset
from train.reading.calibration import Calibration
from train.reading.formats.rules import Rule
from train.reading.ngram import Ngram

FILE = "reading.json"
"""Where a bundle, or a checkpoint, keeps its text model."""


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

    def moved(self, old: Charset, new: Charset) -> "Language":
        """Return the language model for a network with another charset."""
        arrays = self.ngram.moved(old, new).as_json()
        return Language(order=self.order, weight=self.weight, bonus=self.bonus, arrays=arrays)


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
    def finds(self) -> bool:
        """Whether of a page's lines some alone are wanted."""
        return any(rule.find for rule in self.rules)

    def is_wanted(self, text: str) -> bool:
        """Whether a text can be what is looked for; all can where no rule tells."""
        return all(rule.holds(text) for rule in self.rules if rule.required)

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
        raw_rules: whether `raw` does.
        right: the probability that the whole text is right; None without calibration, or below all scores that it saw.
        accepted: whether that is enough; None without calibration.
        found: whether it can be what is looked for in a page; None where nothing is looked for.
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
    raw_rules: dict[str, bool] = field(default_factory=dict)
    right: float | None = None
    accepted: bool | None = None
    found: bool | None = None

    def __iter__(self) -> Iterator[Any]:
        """Yield text and confidence."""
        return iter((self.text, self.confidence))
