"""What is known of the texts of a run, besides their images."""

from collections.abc import Sequence
from dataclasses import dataclass

from train.data.charset import Charset
from train.reading.formats.rules import Rule
from train.reading.settings import ReadingSettings

PRECISION = 0.995
FEWEST_LINES, MOST_LINES = 20, 1000
"""Validation lines that a text model is chosen on: fewer choose nothing."""
FEWEST_TEXTS, MOST_TEXTS, MOST_CHARACTERS = 50, 10_000, 200_000
"""Texts that tell something, and as many of a kind, with so many characters, as are worth their time and size."""


@dataclass(frozen=True)
class TextKnowledge:
    """What is known of the texts of a run, and how long there is to learn from them.

    Attributes:
        texts: labels of the training lines.
        rules: as declared; none where nothing was.
        seed: of what is drawn.
        precision: share of right texts among those that are to go without a person.
        further: texts of the same kind without images.
        deadline: Unix time from which on no n-gram is tried; None for none.
    """

    texts: Sequence[str]
    rules: tuple[Rule, ...] = ()
    seed: int = 0
    precision: float = PRECISION
    further: Sequence[str] = ()
    deadline: float | None = None


@dataclass(frozen=True)
class EarlierTextModel:
    """The text model of the bundle whose weights a training began with.

    Attributes:
        settings: of it.
        charset: of that bundle.
    """

    settings: ReadingSettings
    charset: Charset

    def written_in(self, charset: Charset) -> ReadingSettings:
        """Return the text model for a network with another charset."""
        language = self.settings.language
        if language is None or charset == self.charset:
            return self.settings
        return self.settings.model_copy(update={"language": language.moved(self.charset, charset)})
