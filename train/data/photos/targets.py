"""What a DB network is to answer for a photo: where text is (shrunken), and the threshold around its edges.

Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", AAAI 2020, section 3.5, with the values
that PaddleOCR trains PP-OCR's detectors with (MakeShrinkMap, MakeBorderMap).
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import pyclipper

from train.data.photos.regions import Region, doubled_area

SHRINK_RATIO = 0.4
THRESHOLD_RANGE = (0.3, 0.7)
MIN_TEXT_PX = 8
SUBPIXEL_BITS = 6
"""Outlines are integers for pyclipper and OpenCV: sixty-fourths of a pixel."""

Map = npt.NDArray[np.float32]
Corners = npt.NDArray[np.float64]


class RegionTargets(NamedTuple):
    """Maps of the size of the network's input, or (N, H, W) of a batch; all (H, W) float32.

    Attributes:
        shrink: 1 inside of each shrunken text, else 0.
        shrink_mask: 0 where the loss does not look: ignored text, and text too small to learn.
        threshold: from the least to the greatest of THRESHOLD_RANGE, the nearer to an edge of text.
        threshold_mask: 1 around texts, where the threshold is learnt, else 0.
    """

    shrink: Map
    shrink_mask: Map
    threshold: Map
    threshold_mask: Map


def region_targets(
    regions: Sequence[Region],
    size: tuple[int, int],
    shrink_ratio: float = SHRINK_RATIO,
    threshold_range: tuple[float, float] = THRESHOLD_RANGE,
) -> RegionTargets:
    """Draw the targets of one photo.

    Args:
        regions: with points in pixels of the photo as the network sees it.
        size: its (height, width).
        shrink_ratio: texts are shrunken by area x (1 - ratio^2) / perimeter, and bordered as far outside.
        threshold_range: the threshold far from any edge, and on one.
    """
    targets = RegionTargets(
        np.zeros(size, np.float32), np.ones(size, np.float32), *np.zeros((2, *size), np.float32)
    )
    for region in regions:
        corners = np.asarray(region.points, np.float64).reshape(-1, 2)
        distance = _offset_px(region, shrink_ratio)
        inner = _offset(corners, -distance) if distance else []
        if region.ignored or not inner or np.ptp(corners, axis=0).min() < MIN_TEXT_PX:
            _fill(targets.shrink_mask, [corners], 0)
        else:
            _fill(targets.shrink, inner, 1)
        if distance and not region.ignored:
            _fill(targets.threshold_mask, _offset(corners, distance), 1)
            _raise_edges(targets.threshold, corners, distance)
    low, high = threshold_range
    return targets._replace(threshold=targets.threshold * np.float32(high - low) + np.float32(low))


def stack_targets(targets: Sequence[RegionTargets]) -> RegionTargets:
    """Return the (N, H, W) maps of N photos of one size."""
    return RegionTargets(*(np.stack(maps) for maps in zip(*targets, strict=True)))


def _offset_px(region: Region, shrink_ratio: float) -> float:
    """Return the distance between a text and its shrunken form; 0 for one without area."""
    area = abs(doubled_area(region.points)) / 2
    length = cv2.arcLength(np.asarray(region.points, np.float32).reshape(-1, 1, 2), True)
    return float(area * (1 - shrink_ratio**2) / length) if area >= 1 else 0.0


def _offset(corners: Corners, distance_px: float) -> list[Corners]:
    """Return the outlines `distance_px` outside of (K, 2) corners, or inside if negative; none if nothing is left."""
    scale = 1 << SUBPIXEL_BITS
    clipper = pyclipper.PyclipperOffset()
    clipper.AddPath(np.rint(corners * scale).astype(np.int64), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    return [np.array(path) / scale for path in clipper.Execute(distance_px * scale)]


def _fill(target: Map, outlines: Sequence[Corners], value: float) -> None:
    scale = 1 << SUBPIXEL_BITS
    paths = [np.rint(outline * scale).astype(np.int32) for outline in outlines]
    cv2.fillPoly(target, paths, value, shift=SUBPIXEL_BITS)


def _raise_edges(target: Map, corners: Corners, distance_px: float) -> None:
    """Raise an (H, W) map to 1 - d / `distance_px` near the outline, d being each pixel's distance to it.

    Only the neighbourhood of each edge is touched: further away nothing rises above 0.
    """
    height, width = target.shape
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = np.minimum(start, end) - distance_px, np.maximum(start, end) + distance_px
        left, top = np.clip(np.floor(low), 0, (width, height)).astype(int).tolist()
        right, bottom = np.clip(np.ceil(high) + 1, 0, (width, height)).astype(int).tolist()
        if left < right and top < bottom:
            near = _distances(start, end, np.arange(left, right), np.arange(top, bottom))
            near *= np.float32(-1 / distance_px)
            near += 1
            place = target[top:bottom, left:right]
            np.maximum(place, near, out=place)


def _distances(start: Corners, end: Corners, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> Map:
    """Return the distance of each pixel to the line from `start` to `end`, (2,) each, as (len(y), len(x)) float32."""
    edge = end - start
    across, down = (x - start[0]).astype(np.float32), (y - start[1]).astype(np.float32)[:, None]
    edge_x, edge_y = np.float32(edge[0]), np.float32(edge[1])
    squared = np.float32(max(float(edge @ edge), 1e-9))
    along = across * (edge_x / squared) + down * (edge_y / squared)
    np.clip(along, 0, 1, out=along)
    distances: Map = cv2.magnitude(across - along * edge_x, down - along * edge_y)
    return distances
