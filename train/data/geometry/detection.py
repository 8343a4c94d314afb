"""Text detection around the network: picture -> input, probabilities -> boxes, as PaddleX does it for PP-OCRv5 and v6.

The same for training, evaluation and serving: numpy, OpenCV and pyclipper only.

DBNet: Liao et al., "Real-time Scene Text Detection with Differentiable Binarization", AAAI 2020.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
import numpy.typing as npt
import pyclipper

from train.data.geometry.rectangles import RectangleOfPoints, smallest_rectangle
from train.data.images import Image
from train.errors import UsageError

STRIDE_PX = 32
"""The network's input sides are multiples of this."""
TINY_PX = 64
"""A picture whose sides sum to less is padded to STRIDE_PX first."""
MOST_CONTOURS = 1000
MIN_SIDE_PX = 3
LIMIT_TYPES = ("max", "min", "resize_long")
MEAN_BGR = (0.485, 0.456, 0.406)  # ImageNet's RGB values on BGR: so the models were trained
STD_BGR = (0.229, 0.224, 0.225)

Probabilities = npt.NDArray[np.float32]
Quads = npt.NDArray[np.int32]


@dataclass(frozen=True)
class DetectionParameters:
    """How text is looked for; the fields and their order are PaddleX's `text_det_params`.

    Attributes:
        limit_side_len: in pixels, what `limit_type` compares with.
        limit_type: `min` enlarges a picture whose shorter side is less, `max` shrinks one whose longer side is
            more, `resize_long` brings the longer side there.
        thresh: probability above which a pixel is text.
        max_side_limit: longest side of the network's input.
        box_thresh: mean probability that a box needs.
        unclip_ratio: how far a box grows: by area x ratio / perimeter.
    """

    limit_side_len: int = 64
    limit_type: str = "min"
    thresh: float = 0.3
    max_side_limit: int = 4000
    box_thresh: float = 0.6
    unclip_ratio: float = 1.5

    def __post_init__(self) -> None:
        if self.limit_type not in (*LIMIT_TYPES, ""):
            rule = f"limit_type must be one of {', '.join(LIMIT_TYPES)}"
            raise UsageError(rule, repr(self.limit_type), "leave it out for the default")

    def in_effect(self, defaults: Self) -> Self:
        """Return what is used: in PaddleX a zero or an empty string stands for the default."""
        changed: dict[str, Any] = {name: value for name, value in asdict(self).items() if value}
        return replace(defaults, **changed)


def input_size(height_px: int, width_px: int, how: DetectionParameters) -> tuple[int, int]:
    """Return the (height, width) to which a picture is resized, multiples of STRIDE_PX."""
    ratio = _ratio(height_px, width_px, how)
    height, width = int(height_px * ratio), int(width_px * ratio)
    if max(height, width) > how.max_side_limit:
        ratio = float(how.max_side_limit) / max(height, width)
        height, width = int(height * ratio), int(width * ratio)
    return _to_stride(height), _to_stride(width)


def _ratio(height: int, width: int, how: DetectionParameters) -> float:
    limit, shorter, longer = float(how.limit_side_len), min(height, width), max(height, width)
    if how.limit_type == "resize_long" or (how.limit_type == "max" and longer > limit):
        return limit / longer
    if how.limit_type == "min" and shorter < limit:
        return limit / shorter
    return 1.0


def _to_stride(side_px: int) -> int:
    return max(round(side_px / STRIDE_PX) * STRIDE_PX, STRIDE_PX)


def prepared_size(height_px: int, width_px: int, how: DetectionParameters) -> tuple[int, int]:
    """Return the (height, width) of what `prepare` makes of a picture."""
    if height_px + width_px < TINY_PX:
        height_px, width_px = max(height_px, STRIDE_PX), max(width_px, STRIDE_PX)
    return input_size(height_px, width_px, how)


def prepare(image: Image, how: DetectionParameters) -> Image:
    """Resize a picture, (H, W, 3) uint8 BGR, to a network input of the same kind."""
    height, width = image.shape[:2]
    size = prepared_size(height, width, how)
    if height + width < TINY_PX:
        down, right = max(STRIDE_PX - height, 0), max(STRIDE_PX - width, 0)
        image = np.pad(image, ((0, down), (0, right), (0, 0)))
    if size == image.shape[:2]:
        return image
    return np.asarray(cv2.resize(image, size[::-1]), dtype=np.uint8)


def normalise(images: Sequence[Image]) -> npt.NDArray[np.float32]:
    """Return (N, 3, H, W) float32 of pictures of one size, (H, W, 3) uint8 BGR each."""
    batch = np.empty((len(images), 3, *images[0].shape[:2]), np.float32)
    for planes, image in zip(batch, images, strict=True):
        for channel, (mean, std) in enumerate(zip(MEAN_BGR, STD_BGR, strict=True)):
            np.multiply(image[:, :, channel], np.float32(1 / 255 / std), out=planes[channel])
            planes[channel] += np.float32(-mean / std)
    return batch


def decode_boxes(
    probabilities: Probabilities, source_size: tuple[int, int], how: DetectionParameters
) -> tuple[Quads, npt.NDArray[np.float64]]:
    """Find text boxes in a map of text probabilities.

    Args:
        probabilities: (H, W) float32, the network's output for a prepared picture.
        source_size: (height, width) of the picture before it was prepared.
        how: thresholds and growth, in effect.

    Returns:
        (N, 4, 2) int32 corners in pixels of the source, unsorted, and (N,) float64 scores. PaddleX keeps int16,
        which wraps beyond 32767 pixels.
    """
    found = [
        grown for box in find_raw_boxes(probabilities, how.thresh) if (grown := _box(box, how)) is not None
    ]
    if not found:
        return np.zeros((0, 4, 2), np.int32), np.zeros(0)
    quads = scale_to_source(np.array([quad for quad, _ in found]), probabilities.shape, source_size)
    return quads, np.array([score for _, score in found])


class RawBox(NamedTuple):
    """A connected piece of text, before it is judged and grown.

    Attributes:
        corners: (4, 2) of the smallest rectangle around it, in pixels of the map.
        score: mean probability inside.
    """

    corners: RectangleOfPoints
    score: float


def find_raw_boxes(probabilities: Probabilities, thresh: float) -> list[RawBox]:
    """Return what stands out at `thresh` in an (H, W) float32 map and is not too small, whatever its score."""
    text = cv2.compare(probabilities, np.float32(thresh).item(), cv2.CMP_GT)
    contours, _ = cv2.findContours(text, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    rectangles = [smallest_rectangle(contour) for contour in contours[:MOST_CONTOURS]]
    return [
        RawBox(corners, _score(probabilities, corners)) for corners, side in rectangles if side >= MIN_SIDE_PX
    ]


def grow(corners: RectangleOfPoints, ratio: float) -> RectangleOfPoints | None:
    """Return a raw box's (4, 2) corners grown by area x `ratio` / perimeter; None if it is still too small."""
    outline = _offset(corners, ratio)
    if outline is None:
        return None
    grown, side = smallest_rectangle(outline)
    return None if side < MIN_SIDE_PX + 2 else grown


def scale_to_source(
    quads: npt.NDArray[np.float32], map_size: tuple[int, ...], source_size: tuple[int, int]
) -> Quads:
    """Return (N, 4, 2) corners in pixels of the source for those in pixels of a map; sizes are (height, width)."""
    height, width = map_size
    source = np.array([source_size[1], source_size[0]], np.float64)
    return np.clip(np.rint(quads * (source / (width, height))), 0, source).astype(np.int32)


def _box(raw: RawBox, how: DetectionParameters) -> tuple[RectangleOfPoints, float] | None:
    if raw.score < how.box_thresh:
        return None
    grown = grow(raw.corners, how.unclip_ratio)
    return None if grown is None else (grown, raw.score)


def _score(probabilities: Probabilities, corners: RectangleOfPoints) -> float:
    """Return the mean probability inside a box."""
    last = np.array(probabilities.shape[::-1]) - 1
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, last).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int), 0, last).tolist()
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    shifted = corners - np.array([left, top], np.float32)
    cv2.fillPoly(mask, [shifted.astype(np.int32)], (1,))
    return float(cv2.mean(probabilities[top : bottom + 1, left : right + 1], mask)[0])


def _offset(corners: RectangleOfPoints, ratio: float) -> npt.NDArray[np.int32] | None:
    """Move a box's sides outwards; None if nothing is left of it."""
    distance = cv2.contourArea(corners) * ratio / cv2.arcLength(corners, True)
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(corners, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    paths = offset.Execute(distance)
    return np.array(paths[0], np.int32) if paths else None
