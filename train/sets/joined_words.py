"""Words that a detector finds in one box, as the one line that a reader is then given."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.data.geometry.crops import TALL, Quad, outline
from train.data.geometry.rectangles import smallest_rectangle
from train.data.photos.lines import is_line
from train.data.photos.regions import Region
from train.data.texts.reading_order import RIGHT_TO_LEFT
from train.scoring.regions import lie_within, polygons

COVERED = 0.6
"""Share of a box's length that its labelled words take; else something in it is not labelled."""
BESIDE = 0.3
"""Share of a word's length by which it may reach into the one before it; else they do not stand side by side."""


class JoinedWords(NamedTuple):
    """A line of labelled words.

    Attributes:
        places: of the regions, from the line's beginning to its end.
        text: the words with a space between them.
        corners: (4, 2), the smallest rectangle around the labels.
        box: (4, 2), as it was found.
    """

    places: tuple[int, ...]
    text: str
    corners: npt.NDArray[np.float32]
    box: Quad


def join_words(quads: Sequence[Quad], regions: Sequence[Region]) -> Iterator[JoinedWords]:
    """Yield the boxes in which several words lie, and nothing else: no ignored text, none without a label."""
    taken: set[int] = set()
    for quad, held in zip(quads, lie_within(polygons(list(quads)), regions), strict=True):
        inside = np.flatnonzero(held).tolist()
        words = [regions[place] for place in inside]
        if len(words) < 2 or taken.intersection(inside) or not all(map(_is_word, words)):
            continue
        order = _order(quad, words)
        if order is None:
            continue
        places = tuple(inside[i] for i in order)
        taken.update(places)
        points = np.array([point for word in words for point in word.points], np.float32)
        text = " ".join(regions[place].text for place in places)
        yield JoinedWords(places, text, smallest_rectangle(points)[0], quad)


def _is_word(region: Region) -> bool:
    return is_line(region) and not RIGHT_TO_LEFT.search(region.text)


def _order(quad: Quad, words: Sequence[Region]) -> list[int] | None:
    """Return the words from the line's beginning on; None where they are not side by side all along it."""
    corners = outline(quad).astype(np.float64)
    right, down = corners[1] - corners[0], corners[3] - corners[0]
    tall = np.linalg.norm(down) >= TALL * np.linalg.norm(right)
    start, along = (corners[1], down) if tall else (corners[0], right)
    length = max(float(along @ along), 1e-9)
    reach = [(np.array(word.points) - start) @ along / length for word in words]
    spans = np.clip([(one.min(), one.max()) for one in reach], 0, 1)
    order = spans.mean(axis=1).argsort().tolist()
    own = spans[order]
    overlaps = own[:-1, 1] - own[1:, 0]
    lengths = own[:, 1] - own[:, 0]
    side_by_side = (overlaps <= BESIDE * np.minimum(lengths[:-1], lengths[1:])).all()
    return order if side_by_side and lengths.sum() >= COVERED else None
