"""The parity gate's rule: when two runtimes' outputs of the same batches count as the same."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from train.data import images
from train.data.batching.batches import evaluation_batches
from train.data.charset import Charset, decode
from train.data.dataset import Dataset
from train.data.geometry.detection import (
    DetectionParameters,
    Probabilities,
    decode_boxes,
    find_raw_boxes,
    normalise,
)
from train.engine import Images

WIDTHS_PX = (80, 160, 320, 480, 640)
BATCH_LINES = (1, 8)
LINES_IN_USE = 64

TOLERANCE = 1e-3
"""Largest difference of a probability: two float32 runtimes mostly differ by up to 2e-4, a wrong graph by 0.1."""

ROUNDING, DRAWS, CHANCE, MOST = 1e-4, 4, 2, 0.02
"""An undecided output of a sharply trained network can differ by more: by as much as the reference itself does if the
numbers of its image change by up to ROUNDING (a pixel's step is 0.008 or more), at the same place in DRAWS tries, by
CHANCE times that, as tries are few, and by MOST at most."""

MAP_AXES, NEIGHBOURS = 4, np.ones((3, 3), np.uint8)
"""Of outputs that are maps of probabilities; the pixels around one that rounding changes by as much."""

TIE = 1e-4
"""Where the reference's two best classes are closer than this, rounding alone decides between them."""

Predict = Callable[[Images], Images]
Verdicts = Callable[[Images, Images], Iterator[tuple[bool, bool]]]
"""Two outputs of one shape -> for every sample, whether it differs, and whether by a tie alone."""


@dataclass(frozen=True)
class ParityResult:
    """How two runtimes compared.

    Attributes:
        lines: lines that both read, over all batches.
        widths_px: padded widths that were compared.
        batch_lines: batch sizes that were compared.
        max_difference: largest absolute difference of a probability.
        differing: lines whose texts differ, ties left out.
        ties: lines whose texts differ only where the reference has two equally good characters.
        off: lines with a probability that differs by more than TOLERANCE, and by more than rounding explains there.
    """

    lines: int
    widths_px: tuple[int, ...]
    batch_lines: tuple[int, ...]
    max_difference: float
    differing: int
    ties: int
    off: int = 0

    @property
    def passed(self) -> bool:
        """Whether every line reads the same and no probability is off; a NaN is."""
        return self.lines > 0 and self.differing == 0 and self.off == 0

    def __str__(self) -> str:
        return (
            f"{self.differing} of {self.lines} read differently, {self.off} with other probabilities, "
            f"largest difference {self.max_difference:.2g}"
        )


def line_batches(data: Dataset) -> Iterator[Images]:
    """Yield (N, 3, 48, W) float32 batches of real lines: every width and size of the gate, and as in use.

    Lines of the fixed widths are joined and cut, so that each is text from end to end; the others are
    padded to their bucket.
    """
    order = np.linspace(0, len(data) - 1, min(len(data), LINES_IN_USE)).astype(int)
    some = [data.image(int(index)) for index in order]
    for width in WIDTHS_PX:
        for count in BATCH_LINES:
            lines = [_filled(some, start, width) for start in range(count)]
            yield images.to_batch(lines, width)
    for bucket, indices in evaluation_batches(data.widths[order], max(BATCH_LINES)):
        yield images.to_batch([some[i] for i in indices], bucket)


def _filled(lines: Sequence[images.Image], start: int, width_px: int) -> images.Image:
    """Return (48, width_px, 3) pixels of the lines from `start` on, one behind the other."""
    joined, position = lines[start % len(lines)], start
    while joined.shape[1] < width_px:
        position += 1
        joined = np.concatenate([joined, lines[position % len(lines)]], axis=1)
    return joined[:, :width_px]


def compare(
    reference: Predict, other: Predict, batches: Iterable[Images], verdicts: Verdicts
) -> ParityResult:
    """Run every batch through both and compare their numbers, and what a task makes of them."""
    shapes: set[tuple[int, int]] = set()
    worst, samples, differing, ties, off = 0.0, 0, 0, 0, 0
    for batch in batches:
        expected, found = reference(batch), other(batch)
        differences = _differences(expected, found)
        wrong, tied = _judge(expected, found, verdicts)
        within = differences <= TOLERANCE
        if (wrong.any() or not within.all()) and expected.shape == found.shape:
            explained = differences <= _rounding(reference, batch, expected)
            within |= explained
            still, _ = _judge(expected, np.where(explained, expected, found), verdicts)
            wrong, tied = wrong & still, tied | (wrong & ~still)
        worst = float(np.maximum(worst, differences.max()))
        differing, ties = differing + int(wrong.sum()), ties + int(tied.sum())
        off += int((~within).reshape(len(batch), -1).any(axis=1).sum())
        samples += len(batch)
        shapes.add((batch.shape[3], len(batch)))
    widths, sizes = (tuple(sorted(set(side))) for side in zip(*shapes, strict=True))
    return ParityResult(samples, widths, sizes, worst, differing, ties, off)


def _differences(expected: Images, found: Images) -> Images:
    """Return the absolute difference at each place; infinite for other shapes, NaN stays NaN.

    A place is a step of a line, (N, T, 1), a row of classes, (N, 1), or a pixel of a map, (N, 1, H, W).
    """
    if expected.shape != found.shape:
        return np.full((len(expected), 1), np.inf, np.float32)
    apart = np.abs(expected - found)
    return apart if expected.ndim == MAP_AXES else np.asarray(apart.max(axis=-1, keepdims=True))


def _rounding(reference: Predict, batch: Images, expected: Images) -> Images:
    """Return by how much outputs may differ at each place as `_differences` has them."""
    rng = np.random.default_rng(0)
    most = np.zeros_like(_differences(expected, expected))
    for _ in range(DRAWS):
        noise = rng.uniform(-ROUNDING, ROUNDING, batch.shape).astype(np.float32)
        most = np.maximum(most, _differences(expected, reference(batch + noise)))
    if expected.ndim == MAP_AXES:  # an edge moves as a whole
        most = np.stack([cv2.dilate(one[0], NEIGHBOURS)[None] for one in most])
    return np.minimum(CHANCE * most, MOST)


def _judge(
    expected: Images, found: Images, verdicts: Verdicts
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return whether each sample differs, and whether by a tie only, (N,) both; another shape differs throughout."""
    if expected.shape != found.shape:
        return np.ones(len(expected), bool), np.zeros(len(expected), bool)
    wrong, tied = np.array(list(verdicts(expected, found)), bool).reshape(-1, 2).T
    return wrong, tied


def text_verdicts(expected: Images, found: Images, charset: Charset) -> Iterator[tuple[bool, bool]]:
    """Yield (differs, differs by a tie only) for every line of two (N, T, C) outputs."""
    texts = zip(decode(expected, charset), decode(found, charset), strict=True)
    best = np.sort(expected, axis=2)[:, :, -2:]
    clear = (expected.argmax(2) != found.argmax(2)) & (best[:, :, 1] - best[:, :, 0] > TIE)
    for ((one, _), (two, _)), steps in zip(texts, clear, strict=True):
        yield one != two and bool(steps.any()), one != two and not steps.any()


def class_verdicts(expected: Images, found: Images) -> Iterator[tuple[bool, bool]]:
    """Yield (differs, differs by a tie only) for every row of two (N, C) outputs."""
    best = np.sort(expected, axis=1)[:, -2:]
    clear = best[:, 1] - best[:, 0] > TIE
    for differs, sure in zip(expected.argmax(1) != found.argmax(1), clear, strict=True):
        yield bool(differs and sure), bool(differs and not sure)


SIZES_PX = ((128, 256), (320, 320), (640, 384))
"""Height and width of the inputs that are compared, beside those in use."""
BATCH_PHOTOS = (1, 8)
NEAR_PX = 2
"""Corners so near are the same: a pixel of an outline's edge may be on either side of a threshold."""


def photo_inputs(data: Dataset) -> Iterator[Images]:
    """Yield (N, 3, H, W) float32 batches of real photos, stretched to every size and batch size of the gate."""
    order = np.linspace(0, len(data) - 1, max(BATCH_PHOTOS)).astype(int).tolist()
    for (height, width), count in zip(SIZES_PX, (*BATCH_PHOTOS, 1), strict=True):
        photos = [cv2.resize(data.image(index), (width, height)) for index in order[:count]]
        yield normalise([np.asarray(photo, np.uint8) for photo in photos])


def box_verdicts(expected: Images, found: Images, how: DetectionParameters) -> Iterator[tuple[bool, bool]]:
    """Yield (differs, differs by a tie only) for every photo of two (N, 1, H, W) outputs."""
    for one, other in zip(expected[:, 0], found[:, 0], strict=True):
        same = _same_boxes(one, other, how)
        tied = not same and _decided_by_rounding(one, how)
        yield not same and not tied, tied


def _same_boxes(one: Probabilities, other: Probabilities, how: DetectionParameters) -> bool:
    """Whether two (H, W) maps have as many boxes, each with one of the other's in its place."""
    size = (one.shape[0], one.shape[1])
    first, second = decode_boxes(one, size, how)[0], decode_boxes(other, size, how)[0]
    if len(first) != len(second):
        return False
    near = np.abs(first[:, None] - second[None]).max(axis=(2, 3), initial=0) <= NEAR_PX
    return bool(near.any(axis=1).all() and near.any(axis=0).all())


def _decided_by_rounding(probabilities: Probabilities, how: DetectionParameters) -> bool:
    """Whether a pixel, or a box as a whole, lies on a threshold."""
    scores = np.array([box.score for box in find_raw_boxes(probabilities, how.thresh)])
    on_edge = np.abs(probabilities - np.float32(how.thresh)) <= TIE
    return bool(on_edge.any() or (np.abs(scores - how.box_thresh) <= TIE).any())
