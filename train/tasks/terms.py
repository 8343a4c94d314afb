"""What a task tells of itself: its words, a mistake in words, what a model can start from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Terms:
    """What a task's things are called, in tables and sentences.

    Attributes:
        samples: what is counted, e.g. `lines`.
        scores: the names of a task's scores, in the order of `Scores.names`.
        short: shorter names of the first two, for progress lines.
        goal: what the first of them is a share of or measures: `Fine-tuning raised the ...`.
        wrong: what is said of a sample that was got wrong.
        spelled: labels and predictions are texts, which people compare character by character.
        legend: of the pictures of what was got wrong.
    """

    samples: str
    scores: tuple[str, ...]
    short: tuple[str, str]
    goal: str
    wrong: str = "misread"
    spelled: bool = True
    legend: str = ""


@dataclass(frozen=True)
class Mistake:
    """A sample that was got wrong, in words.

    Attributes:
        index: in the dataset.
        confidence: the model's, in [0, 1].
        faults: how much is wrong, where the words do not show it.
    """

    index: int
    label: str
    reading: str
    confidence: float
    faults: int = 0


@dataclass(frozen=True)
class Start:
    """What a model can start from, to be scored before any training.

    Attributes:
        charset: the model's own dictionary or the domain's characters.
        fit_width: pixels; see TrialConfig.
    """

    charset: str = "keep"
    fit_width: int = 0
