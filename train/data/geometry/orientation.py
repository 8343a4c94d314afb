"""Which lines stand on their heads: input, decision and turning around a two-class network, in training and serving."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from train.data.images import Image

UPSIDE_DOWN = 1


@dataclass(frozen=True)
class LineInput:
    """How a line becomes the network's input, and when that says that it stands on its head.

    Attributes:
        height_px: of the input.
        width_px: of the input.
        padded: a line keeps its shape and is padded with zeros, or is cut down to the width where it is longer;
            otherwise every line is stretched to the input's shape.
        mean: of the input's channels, in [0, 1], in the order of `channels`.
        std: of the input's channels.
        channels: BGR's indices in the order in which the network takes them.
        threshold: probability over which a line counts as upside down.
    """

    height_px: int
    width_px: int
    padded: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: tuple[int, int, int]
    threshold: float

    @property
    def geometry(self) -> dict[str, int]:
        """What a bundle says of it: networks of one size have lines prepared alike."""
        return {"height_px": self.height_px, "width_px": self.width_px}


LIKELIER = 0.5
"""The threshold of every trained network: the likelier direction counts."""
MOBILE_V2 = LineInput(48, 192, True, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), (0, 1, 2), 0.9)
"""ch_ppocr_mobile_v2.0_cls, which wheels ship (`pretrained.find_orientation_graph`), as PaddleOCR runs it."""
PP_LCNET = LineInput(80, 160, False, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (2, 1, 0), LIKELIER)
"""PP-LCNet_x1_0_textline_ori, as PaddleX runs it."""
INPUTS = (MOBILE_V2, PP_LCNET)


def line_input(input_shape: Sequence[object]) -> LineInput:
    """Return how lines are prepared for a graph with this input shape: PP-LCNet's height is fixed, 80."""
    return PP_LCNET if input_shape[2] == PP_LCNET.height_px else MOBILE_V2


def prepared_size(height_px: int, width_px: int, how: LineInput) -> tuple[int, int]:
    """Return (height, width) of a line after `prepare`."""
    width = how.width_px
    if how.padded:
        width = min(width, math.ceil(how.height_px * width_px / height_px))
    return how.height_px, width


def prepare(line: Image, how: LineInput) -> Image:
    """Resize a line, (H, W, 3) uint8 BGR; its width is at most `how.width_px`."""
    height, width = prepared_size(line.shape[0], line.shape[1], how)
    return np.asarray(cv2.resize(line, (width, height)), dtype=np.uint8)


def normalise(lines: Sequence[Image], how: LineInput) -> npt.NDArray[np.float32]:
    """Return (N, 3, height_px, width_px) float32 of prepared lines; the padding is 0."""
    batch = np.zeros((len(lines), 3, how.height_px, how.width_px), np.float32)
    for planes, line in zip(batch, lines, strict=True):
        for i, (channel, mean, std) in enumerate(zip(how.channels, how.mean, how.std, strict=True)):
            plane = planes[i, :, : line.shape[1]]
            np.multiply(line[:, :, channel], np.float32(1 / 255 / std), out=plane)
            np.add(plane, np.float32(-mean / std), out=plane)
    return batch


def angles(probabilities: npt.NDArray[np.float32], how: LineInput) -> list[int]:
    """Return 1 for every row of (N, 2) probabilities that says upside down, 0 for the others."""
    found: list[int] = (probabilities[:, UPSIDE_DOWN] > how.threshold).astype(int).tolist()
    return found


def turn(line: Image) -> Image:
    """Turn (H, W, 3) by 180 degrees about (W / 2, H / 2), as PaddleX does: the first row and column become 0."""
    turned = np.zeros_like(line)
    turned[1:, 1:] = line[:0:-1, :0:-1]
    return turned
