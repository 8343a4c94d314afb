"""Words of a line and where each stands, from the output step of every character: PaddleX's `return_word_box`.

And the upright boxes around lines and words that PaddleX reports beside their corners.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.data.geometry.crops import Quad
from train.data.texts.forms import text_of

HAN, LATIN, OTHER = "han", "latin", "other"
SAME_ROW_PX = 12
TALL = 1.5
"""A quad this many times higher than wide holds text that runs downwards."""

Corners = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
_LATIN = re.compile("[a-zA-Z0-9]")


@dataclass(frozen=True)
class Word:
    """Characters that belong together.

    Attributes:
        kind: HAN, where every character is a word of its own; LATIN: letters and digits; OTHER: what separates.
        text: the characters.
        columns: output step of each of them.
    """

    kind: str
    text: str
    columns: tuple[int, ...]


def split_words(text: str, columns: Sequence[int]) -> list[Word]:
    """Split a text, with the output step of each character, where the kind of character changes."""
    found: list[Word] = []
    for kind, start, end in _split_runs(text):
        found.append(Word(kind, text[start:end], tuple(columns[start:end])))
    return found


def _split_runs(text: str) -> Iterator[tuple[str, int, int]]:
    start, kind = 0, ""
    for i, character in enumerate(text):
        here = _classify(character, kind, text[i + 1 : i + 2])
        if here != kind and i > start:
            yield kind, start, i
            start = i
        kind = here
    if text:
        yield kind, start, len(text)


def _classify(character: str, before: str, following: str) -> str:
    if "\u4e00" <= character <= "\u9fff":
        return HAN
    in_word = before == LATIN and (character == "-" or (character == "." and bool(_LATIN_DIGIT(following))))
    return LATIN if in_word or _LATIN.search(character) else OTHER


_LATIN_DIGIT = re.compile("[0-9]").search


def count_steps(steps: int, padded_px: int, height_px: int, width_px: int) -> float:
    """Return how many of a padded line's output steps the line itself takes.

    Args:
        steps: of the padded line, 48 pixels high.
        padded_px: its width.
        height_px: of the crop, of any size.
        width_px: of the crop.
    """
    ratio = width_px / height_px
    return steps * (ratio / max(padded_px / 48, ratio))


def find_word_boxes(
    picture: str, columns: Sequence[int], steps: float, quad: Quad
) -> tuple[list[str], list[Corners]]:
    """Return the words of a line from left to right, each in its reading order, and their boxes in pixels of the page.

    PaddleX lists the boxes row by row and from left to right, whatever the order of the words.

    Args:
        picture: the line's characters from left to right.
        columns: output step of each character.
        steps: of the line without its padding (`count_steps`).
        quad: (4, 2) corners of the line.
    """
    if not picture:  # of a line that was not read there are no steps either
        return [], []
    line = _Line.of(quad, steps)
    contents: list[str] = []
    boxes: list[Corners] = []
    han: list[Word] = []
    for word in split_words(picture, columns):
        if word.kind == HAN:
            han.append(word)
            contents.extend(word.text)
        else:
            boxes.append(line.span(int(word.columns[0] * line.cell), int((word.columns[-1] + 1) * line.cell)))
            contents.append(text_of(word.text))
    return contents, _sort_by_rows(boxes + line.characters(han, len(picture)))


@dataclass(frozen=True)
class _Line:
    """A quad as PaddleX measures it: by three of its corners, along the direction of the text."""

    left: int
    right: int
    top: int
    bottom: int
    downwards: bool
    cell: float

    @classmethod
    def of(cls, quad: Quad, steps: float) -> "_Line":
        corners = np.asarray(quad)
        width, height = (corners.max(axis=0) - corners.min(axis=0)).tolist()
        (left, top), (right, _), (_, bottom), _ = corners.tolist()
        downwards = height > TALL * width
        return cls(
            left, right, top, bottom, downwards, ((bottom - top) if downwards else (right - left)) / steps
        )

    @property
    def length(self) -> int:
        return self.bottom - self.top if self.downwards else self.right - self.left

    def span(self, start: int, end: int) -> Corners:
        """Return the part of the line between two distances from its start."""
        if self.downwards:
            a, b = self.top + start, self.top + end
            return (self.left, a), (self.left, b), (self.right, b), (self.right, a)
        a, b = self.left + start, self.left + end
        return (a, self.top), (b, self.top), (b, self.bottom), (a, self.bottom)

    def characters(self, han: Sequence[Word], length: int) -> list[Corners]:
        """Return a box of every character, all of the mean width, around the middle of its step."""
        widths = [
            (word.columns[-1] - word.columns[0] + 1) * self.cell / (len(word.columns) - 1)
            for word in han
            if len(word.columns) > 1
        ]
        width = float(np.mean(widths)) if widths else self.length / max(length, 1)
        centres = [(column + 0.5) * self.cell for word in han for column in word.columns]
        return [self.span(max(int(c - width / 2), 0), min(int(c + width / 2), self.length)) for c in centres]


def _sort_by_rows(boxes: Sequence[Corners]) -> list[Corners]:
    """Sort boxes into rows by the height of their middles, and each row from left to right."""
    middles = [(box, *np.mean(box, axis=0).tolist()) for box in boxes]
    rows: list[list[tuple[Corners, float, float]]] = []
    before = None
    for item in sorted(middles, key=lambda item: item[2]):
        if before is None or abs(item[2] - before) >= SAME_ROW_PX:
            rows.append([])
        rows[-1].append(item)
        before = item[2]
    return [box for row in rows for box, _, _ in sorted(row, key=lambda item: item[1])]


def find_upright_boxes(quads: Sequence[npt.ArrayLike]) -> list[list[int]]:
    """Return [left, top, right, bottom] of the upright rectangle around each (4, 2) quad."""
    if not len(quads):
        return []
    corners = np.asarray(quads)
    boxes: list[list[int]] = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).tolist()
    return boxes
