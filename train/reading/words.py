"""A line divided into its words: where its reader reads spaces, and what each word says by itself.

A detector finds whole lines where labels are single words; its reader tells where one ends and the next begins.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from train.cut import Cut
from train.data.charset import BLANK, Charset, decode_line
from train.data.geometry.crops import Quad, part_of
from train.reading.text_model import TextModel

SPACE = " "
ROOM = 0.5
"""Output steps that a word takes beside those of its first and last characters, where the gap is wide enough."""

Probabilities = npt.NDArray[np.float32]


class Word(NamedTuple):
    """A word of a line.

    Attributes:
        start: where it begins and
        end: ends, as shares of the line's length, from the left.
        reading: text and confidence: a pair, or with a text model a `TextReading`.
    """

    start: float
    end: float
    reading: Any

    def quad_in(self, line: Quad, how: Cut, turned: bool = False) -> Quad:
        """Return the (4, 2) corners of the word in a line's; `turned`: the line was read upside down."""
        if (self.start, self.end) == (0, 1):
            return line
        ends = (1 - self.end, 1 - self.start) if turned else (self.start, self.end)
        return part_of(line, *ends, how)


class _Part(NamedTuple):
    """Output steps between two spaces: from `first` to before `last`; characters stand at `left` to `right`."""

    first: int
    last: int
    left: int
    right: int


def read_words(
    line: Probabilities, steps: float, charset: Charset, text_model: TextModel | None, whole: Any = None
) -> list[Word]:
    """Return the words of a line from left to right, at least one, which may be empty.

    A word is read as if it were a line of its own: a text model has learnt labels, which hold no spaces here.

    Args:
        line: (T, C) float32, softmax over C.
        steps: of the T, how many the line takes without its padding.
        charset: of the reader; without a space in it there is one word.
        text_model: behind the reader; None for reading greedily.
        whole: what the whole line says, where it was read already.
    """
    parts = _parts(line, charset)
    if not parts or parts[0][:2] == (0, len(line)):
        known = whole is not None and SPACE not in next(iter(whole))
        return [Word(0.0, 1.0, whole if known else _read(line, charset, text_model))]
    gaps = [_gap(one, other) for one, other in pairwise(parts)]
    starts, ends = [0.0, *(end for _, end in gaps)], [*(start for start, _ in gaps), steps]
    return [
        Word(
            min(start / steps, 1.0),
            min(end / steps, 1.0),
            _read(line[one.first : one.last], charset, text_model),
        )
        for one, start, end in zip(parts, starts, ends, strict=True)
    ]


def _parts(line: Probabilities, charset: Charset) -> list[_Part]:
    best = line.argmax(axis=1)
    spaces = np.flatnonzero(np.isin(best, charset.encode(SPACE)))
    edges = [-1, *spaces.tolist(), len(best)]
    found = []
    for before, after in pairwise(edges):
        written = before + 1 + np.flatnonzero(best[before + 1 : after] != BLANK)
        if len(written):
            found.append(_Part(before + 1, after, int(written[0]), int(written[-1])))
    return found


def _gap(one: _Part, other: _Part) -> tuple[float, float]:
    """Return the step at which a word ends and that at which the next one begins: both have room, where there is."""
    middle = (one.right + 1 + other.left) / 2
    return min(one.right + 1 + ROOM, middle), max(other.left - ROOM, middle)


def _read(part: Probabilities, charset: Charset, text_model: TextModel | None) -> Any:
    alone = _without_spaces(part, charset)
    if text_model is not None:
        return text_model.read(alone[None])[0]
    line = decode_line(alone, charset.characters)
    return line.text, line.confidence


def _without_spaces(part: Probabilities, charset: Charset) -> Probabilities:
    """Return (T, C) probabilities in which no text has a space: where it is the likeliest, nothing stands."""
    alone, spaces = part.copy(), charset.encode(SPACE)
    likeliest = np.isin(part.argmax(axis=1), spaces)
    alone[likeliest, BLANK] += part[likeliest][:, spaces].sum(axis=1)
    alone[:, spaces] = 0
    return alone
