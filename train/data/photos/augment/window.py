"""Where a photo is cut: at random, but between its texts, so that whole ones are kept.

The idea is PaddleOCR's EastRandomCropData (after EAST, Zhou et al., CVPR 2017): an edge of the cut lies where no text
is. There the cut may have any size and is then resized; here it has the size that fits, and its edges move to the
nearest gap.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
"""(N, 4): left, top, right, bottom."""

Window = tuple[float, float, float, float]
"""Left, top, right, bottom."""

Span = tuple[float, float]


def upright_boxes(quads: Sequence[npt.ArrayLike]) -> Boxes:
    """Return the upright box around each (K, 2) corners."""
    shapes = [np.asarray(quad, np.float64) for quad in quads]
    boxes = [np.concatenate([shape.min(axis=0), shape.max(axis=0)]) for shape in shapes]
    return np.array(boxes, np.float64).reshape(-1, 4)


def choose_window(boxes: Boxes, size: Span, side: float, rng: np.random.Generator) -> Window:
    """Choose a part of a photo that holds a text chosen at random, and cuts none.

    Args:
        boxes: of the texts that must not be cut; without any, the part is anywhere.
        size: (width, height) of the photo.
        side: wanted width and height; the part is wider or higher where a text would be cut otherwise, and narrower
            or lower where the photo is, or the next text begins.
        rng: all randomness.
    """
    first = int(rng.integers(2))
    anchor = boxes[rng.integers(len(boxes))] if len(boxes) else None
    spans: dict[int, Span] = {}
    near = boxes
    for axis in (first, 1 - first):
        target = None if anchor is None else (float(anchor[axis]), float(anchor[axis + 2]))
        span = _draw_span(target, size[axis], side, rng)
        span = _between_texts(span, target, near[:, [axis, axis + 2]])
        spans[axis] = (max(span[0], 0.0), min(span[1], size[axis]))
        # what the first cut leaves out cannot be cut by the second
        near = near[(near[:, axis] < spans[axis][1]) & (near[:, axis + 2] > spans[axis][0])]
    return spans[0][0], spans[1][0], spans[0][1], spans[1][1]


def _draw_span(target: Span | None, length: float, side: float, rng: np.random.Generator) -> Span:
    """Return a span of `side` within [0, `length`] that holds `target`, as far as there is room."""
    draw = float(rng.random())
    if length <= side:
        return 0.0, length
    if target is None:
        start = draw * (length - side)
        return start, start + side
    if target[1] - target[0] >= side:
        return target
    lowest, highest = max(0.0, target[1] - side), min(target[0], length - side)
    start = lowest + draw * (highest - lowest)
    return start, start + side


def _between_texts(span: Span, target: Span | None, spans: Boxes) -> Span:
    """Move each end that lies within a text to the nearer end of that text, but never over `target`."""
    if target is None:
        return span
    start, end = span
    for low, high in _merged(spans):
        keep = low < target[1] and target[0] < high
        if low < span[0] < high:
            start = low if keep or span[0] - low < high - span[0] else high
        if low < span[1] < high:
            end = high if keep or high - span[1] < span[1] - low else low
    return start, end


def _merged(spans: Boxes) -> list[Span]:
    """Return the parts of the axis that are covered, in order."""
    merged: list[Span] = []
    for low, high in sorted(map(tuple, spans.tolist())):
        if merged and low < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return merged
