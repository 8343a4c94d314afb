"""The characters a recogniser can write, and their CTC class numbers."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.texts.forms import normal_form, text_of
from train.data.texts.reading_order import in_picture_order
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
        classes = {c: i + 1 for i, c in enumerate(self.characters)}
        return {normal_form(c): number for c, number in classes.items()} | classes

    def unknown(self, text: str) -> set[str]:
        """Return the characters of `text` that have no class."""
        return {c for c in set(text) - self._class_of.keys() if not self._parts(c)}

    def encode(self, text: str) -> list[int]:
        """Return the classes of a text's characters, in the order of its picture; unknown ones are left out.

        A character in its normal form has the class of any of its forms, or of its parts.
        """
        class_of = self._class_of
        return [
            number
            for c in in_picture_order(text)
            for number in ([class_of[c]] if c in class_of else self._parts(c))
        ]

    def _parts(self, character: str) -> list[int]:
        """Return the classes of a letter and its marks, which a dictionary may hold apart; none if it lacks one."""
        parts = unicodedata.normalize("NFD", character)
        writable = all(part in self._class_of for part in parts)
        return [self._class_of[part] for part in parts] if writable else []

    def extended(self, texts: Iterable[str]) -> "Charset":
        """Return this charset followed by the characters of `texts` that it lacks, sorted; a space is last."""
        return Charset(
            _space_last(self.characters + tuple(sorted(self.unknown("".join(set().union(*texts))))))
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
        text: in reading order and normal form.
        confidence: mean probability of its characters in [0, 1], 0 for an empty text (as PaddleOCR's CTCLabelDecode).
        columns: the output step of every character of the picture.
        picture: its characters from left to right, as the network writes them.
    """

    text: str
    confidence: float
    columns: tuple[int, ...]
    picture: str


def decode_line(probabilities: npt.NDArray[np.float32], characters: Sequence[str]) -> Decoded:
    """Read one line's CTC output greedily: (T, C) float32, softmax over C, in the classes of C - 1 characters."""
    best = probabilities.argmax(axis=1)
    kept = best != BLANK
    kept[1:] &= best[1:] != best[:-1]
    columns = np.flatnonzero(kept)
    if not len(columns):
        return Decoded("", 0.0, (), "")
    classes = best[columns]
    picture = "".join(characters[number - 1] for number in classes.tolist())
    confidence = float(probabilities[columns, classes].mean())
    return Decoded(text_of(picture), confidence, tuple(columns.tolist()), picture)


def decode(probabilities: npt.NDArray[np.float32], charset: Charset) -> list[tuple[str, float]]:
    """Read (N, T, C) CTC output greedily; return (text, confidence) of each line (`decode_line`)."""
    read = (decode_line(line, charset.characters) for line in probabilities)
    return [(line.text, line.confidence) for line in read]
