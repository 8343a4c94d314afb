"""A line divided into its words: where its reader reads spaces, and what each word says by itself.

A detector finds whole lines where labels are single words; its reader tells where one ends and the next begins.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from train.cut import Cut
from train.data.charset import BLANK, Charset, decode_line
from train.data.geometry.crops import Quad, part_of
from train.data.texts.forms import SPACE, text_of
from train.reading.settings import TextReading
from train.reading.text_model import TextModel

ROOM = 0.5
"""Output steps that a word takes beside those of its first and last characters, where the gap is wide enough."""

Probabilities = npt.NDArray[np.float32]


class Word(NamedTuple):
    """A word of a line.

    Attributes:
        start: where it begins and
        end: ends, as shares of the line's length, from the left.
        reading: text and confidence: a pair, or with a text model a `TextReading`, its columns steps of the line.
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
    line: Probabilities, steps: float, charset: Charset, text_model: TextModel | None
) -> list[Word]:
    """Return the words of a line from left to right, at least one, which may be empty.

    A word is read as if it were a line of its own: a text model has learnt labels, which hold no spaces here.

    Args:
        line: (T, C) float32, softmax over C.
        steps: of the T, how many the line takes without its padding.
        charset: of the reader; without a space in it there is one word.
        text_model: behind the reader; None for reading greedily.
    """
    parts = _parts(line, charset)
    readings = _read([(line, part) for part in parts], charset, text_model)
    gaps = [_gap(one, other) for one, other in pairwise(parts)]
    starts, ends = [0.0, *(end for _, end in gaps)], [*(start for start, _ in gaps), steps]
    return [
        Word(min(start / steps, 1.0), min(end / steps, 1.0), reading)
        for reading, start, end in zip(readings, starts, ends, strict=True)
    ]


def cut_words(line: Probabilities, charset: Charset) -> list[Probabilities]:
    """Return what a text model is given of each of `read_words`: (t, C) probabilities, in which no text has a space."""
    return [_without_spaces(line[part.first : part.last], charset) for part in _parts(line, charset)]


def read_lines(lines: Probabilities, text_model: TextModel, by_words: bool) -> list[TextReading]:
    """Return what lines, (N, T, C), say with a text model, which reads each whole, or its words one by one."""
    if not by_words:
        return text_model.read(lines)
    charset = text_model.charset
    parts = [_parts(line, charset) for line in lines]
    every = [(line, part) for line, own in zip(lines, parts, strict=True) for part in own]
    readings = iter(_read(every, charset, text_model))
    return [
        _joined([*islice(readings, len(own))], line, charset) for line, own in zip(lines, parts, strict=True)
    ]


def join_words(words: Sequence[Word], line: Probabilities, charset: Charset) -> TextReading:
    """Return the reading of a line, (T, C), by that of its words with a text model: their texts with spaces between.

    It scores as its worst word, obeys what all of them obey, and is right where all are.
    """
    return _joined([word.reading for word in words], line, charset)


def _joined(read: Sequence[TextReading], line: Probabilities, charset: Charset) -> TextReading:
    greedy = decode_line(line, charset.characters)
    written = [one for one in read if one.picture]
    picture = SPACE.join(one.picture for one in written)
    signs = sum(len(one.picture) for one in written)
    confidence = sum(one.confidence * len(one.picture) for one in written) / max(signs, 1)
    same = picture == greedy.picture
    return TextReading(
        text=greedy.text if same else text_of(picture),
        confidence=greedy.confidence if same else confidence,
        columns=greedy.columns if same else _columns(written),
        picture=picture,
        raw=greedy.text,
        raw_confidence=greedy.confidence,
        raw_columns=greedy.columns,
        raw_picture=greedy.picture,
        probability=prod(one.probability for one in read),
        raw_probability=prod(one.raw_probability for one in read),
        score=min(one.score for one in read),
        margin=min((one.margin for one in read if one.margin is not None), default=None),
        rules={name: all(one.rules[name] for one in read) for name in read[0].rules},
        raw_rules={name: all(one.raw_rules[name] for one in read) for name in read[0].raw_rules},
        right=_of_all([one.right for one in read], prod),
        accepted=_of_all([one.accepted for one in read], all),
        found=_of_all([one.found for one in read], any),
    )


def _columns(written: Sequence[TextReading]) -> tuple[int, ...]:
    """Return the output step of every character, and of the spaces between: halfway."""
    found: list[int] = []
    for one in written:
        found += [(found[-1] + one.columns[0]) // 2] if found else []
        found += one.columns
    return tuple(found)


def _of_all(values: Sequence[Any], how: Callable[[Sequence[Any]], Any]) -> Any:
    return None if None in values else how(values)


def _parts(line: Probabilities, charset: Charset) -> list[_Part]:
    """Return where words stand; of a line in which nothing is written, the whole line."""
    best = line.argmax(axis=1)
    spaces = np.flatnonzero(np.isin(best, charset.encode(SPACE)))
    edges = [-1, *spaces.tolist(), len(best)]
    found = []
    for before, after in pairwise(edges):
        written = before + 1 + np.flatnonzero(best[before + 1 : after] != BLANK)
        if len(written):
            found.append(_Part(before + 1, after, int(written[0]), int(written[-1])))
    return found or [_Part(0, len(best), 0, 0)]


def _gap(one: _Part, other: _Part) -> tuple[float, float]:
    """Return the step at which a word ends and that at which the next one begins: both have room, where there is."""
    middle = (one.right + 1 + other.left) / 2
    return min(one.right + 1 + ROOM, middle), max(other.left - ROOM, middle)


def _read(
    parts: Sequence[tuple[Probabilities, _Part]], charset: Charset, text_model: TextModel | None
) -> list[Any]:
    """Return the readings of parts of lines; a text model is given those of equal length together."""
    alone = [_without_spaces(line[part.first : part.last], charset) for line, part in parts]
    if text_model is None:
        words = [decode_line(one, charset.characters) for one in alone]
        return [(word.text, word.confidence) for word in words]
    lengths: dict[int, list[int]] = defaultdict(list)
    for index, one in enumerate(alone):
        lengths[len(one)].append(index)
    found: dict[int, TextReading] = {}
    for some in lengths.values():
        read = text_model.read(np.stack([alone[index] for index in some]))
        found |= dict(zip(some, read, strict=True))
    return [_in_line(found[index], part.first) for index, (_, part) in enumerate(parts)]


def _in_line(word: TextReading, first: int) -> TextReading:
    """Return the reading of a part that begins at step `first` with the steps of its line."""
    columns, raw_columns = (
        tuple(first + column for column in some) for some in (word.columns, word.raw_columns)
    )
    return replace(word, columns=columns, raw_columns=raw_columns)


def _without_spaces(part: Probabilities, charset: Charset) -> Probabilities:
    """Return (T, C) probabilities in which no text has a space: where it is the likeliest, nothing stands."""
    alone, spaces = part.copy(), charset.encode(SPACE)
    likeliest = np.isin(part.argmax(axis=1), spaces)
    alone[likeliest, BLANK] += part[likeliest][:, spaces].sum(axis=1)
    alone[:, spaces] = 0
    return alone
