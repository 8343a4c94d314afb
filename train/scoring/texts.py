"""Scores of text recognition."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rapidfuzz.distance import Levenshtein

from train.scoring.scores import ShareScores

AS_LABELLED = "as-labelled"
CHARSET_RULES: dict[str, Callable[[str], str]] = {AS_LABELLED: str, "case-insensitive": str.casefold}
"""How both texts are changed before they are compared; only scores of one rule may be compared."""


@dataclass(frozen=True)
class TextScores(ShareScores):
    """Scores over n lines.

    Attributes:
        exact_match: share of lines read without any error, in [0, 1].
        edit_similarity: mean over lines of 1 - distance / longer length, in [0, 1].
        cer: character error rate: edits over all characters of the labels; 0 is perfect, may exceed 1.
    """

    names: ClassVar[tuple[str, ...]] = ("exact_match", "edit_similarity", "cer")

    exact_match: float
    edit_similarity: float
    cer: float
    charset_rule: str = AS_LABELLED


def score_texts(readings: Sequence[str], labels: Sequence[str], rule: str = AS_LABELLED) -> TextScores:
    """Compare readings with labels, line by line, under a rule of CHARSET_RULES."""
    change = CHARSET_RULES[rule]
    pairs = [(change(reading), change(label)) for reading, label in zip(readings, labels, strict=True)]
    if not pairs:
        return TextScores(0, 0.0, 0.0, 0.0, rule)
    edits = sum(Levenshtein.distance(reading, label) for reading, label in pairs)
    return TextScores(
        n=len(pairs),
        exact_match=sum(reading == label for reading, label in pairs) / len(pairs),
        edit_similarity=sum(Levenshtein.normalized_similarity(a, b) for a, b in pairs) / len(pairs),
        cer=edits / max(sum(len(label) for _, label in pairs), 1),
        charset_rule=rule,
    )
