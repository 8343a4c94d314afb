"""The characters a recogniser can write, and their CTC class numbers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.errors import DataError

BLANK = 0


@dataclass(frozen=True)
class Charset:
    """Characters in class order; class 0 is the CTC blank, class i + 1 is `characters[i]`."""

    characters: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.characters)) != len(self.characters):
            twice = sorted({c for c in self.characters if self.characters.count(c) > 1})
            raise DataError("a charset must hold each character once", twice, "remove the repetitions")

    @property
    def classes(self) -> int:
        """Number of output classes, the blank included."""
        return len(self.characters) + 1

    @cached_property
    def _class_of(self) -> dict[str, int]:
        return {c: i + 1 for i, c in enumerate(self.characters)}

    def unknown(self, text: str) -> set[str]:
        """Return the characters of `text` that have no class."""
        return set(text) - self._class_of.keys()

    def encode(self, text: str) -> list[int]:
        """Return the class of every character; unknown characters are left out (see `unknown`)."""
        return [self._class_of[c] for c in text if c in self._class_of]

    def extended(self, texts: Iterable[str]) -> "Charset":
        """Return this charset followed by the characters of `texts` that it lacks, sorted; a space is last."""
        return Charset(
            _space_last(self.characters + tuple(sorted(set().union(*texts) - self._class_of.keys())))
        )


def domain_charset(texts: Iterable[str]) -> Charset:
    """Return the charset of exactly the characters in `texts`, sorted by code point; a space is last."""
    return Charset(_space_last(sorted(set().union(*texts))))


def _space_last(characters: Iterable[str]) -> tuple[str, ...]:
    """Move a space to the end, where PaddleOCR expects it."""
    return tuple(sorted(characters, key=lambda character: character == " "))


def steps_needed(classes: Sequence[int]) -> int:
    """Output steps that CTC needs for a label: one a character, one more between equal neighbours."""
    return len(classes) + sum(a == b for a, b in pairwise(classes))


class Decoded(NamedTuple):
    """What a line says.

    Attributes:
        confidence: mean probability of its characters in [0, 1], 0 for an empty text (as PaddleOCR's CTCLabelDecode).
        columns: the output step of every character.
    """

    text: str
    confidence: float
    columns: tuple[int, ...]


def decode_line(probabilities: npt.NDArray[np.float32], characters: Sequence[str]) -> Decoded:
    """Read one line's CTC output greedily: (T, C) float32, softmax over C, in the classes of C - 1 characters."""
    best = probabilities.argmax(axis=1)
    kept = best != BLANK
    kept[1:] &= best[1:] != best[:-1]
    columns = np.flatnonzero(kept)
    if not len(columns):
        return Decoded("", 0.0, ())
    classes = best[columns]
    text = "".join(characters[number - 1] for number in classes.tolist())
    return Decoded(text, float(probabilities[columns, classes].mean()), tuple(columns.tolist()))


def decode(probabilities: npt.NDArray[np.float32], charset: Charset) -> list[tuple[str, float]]:
    """Read (N, T, C) CTC output greedily; return (text, confidence) of each line (`decode_line`)."""
    read = (decode_line(line, charset.characters) for line in probabilities)
    return [(line.text, line.confidence) for line in read]
