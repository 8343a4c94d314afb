"""What is transparent, laid on a ground on which it can be seen."""

import numpy as np

from train.data.pictures.exif import Pixels
from train.data.pictures.header import Header

WHITE, BLACK = 255, 0
FLAT = 16
"""Levels of 255 that a picture spans at least, if anything can be read in it; 12 bits kept in 16 span fewer."""
_ROWS = 256  # blended at a time, so that a large picture takes no more than twice its own memory


def measure_span(image: Pixels) -> int:
    """Return how many levels, 0 to 255, lie between the darkest and the brightest value of a colour in (H, W, C)."""
    darkest, brightest = (
        image.min(axis=0).min(axis=0),
        image.max(axis=0).max(axis=0),
    )  # rows at once: the fastest
    return int((brightest.astype(int) - darkest).max())


def make_opaque(image: Pixels, header: Header) -> Pixels:
    """Return (H, W, 3) uint8 BGR of what a decoder gives of a picture that may be transparent.

    Args:
        image: (H, W), (H, W, 3) or (H, W, 4), uint8 or uint16.
        header: of the picture; a PNG's tells which colour is transparent.

    White is PaddleOCR's ground. On black lies what could not be seen on it: white letters on nothing.
    """
    bgr, alpha = _split(image, header)
    if alpha is None or alpha.min() == 255:
        return bgr
    on_white = _blend(bgr, alpha, WHITE)
    if measure_span(on_white) >= FLAT:
        return on_white
    on_black = _blend(bgr, alpha, BLACK)
    return on_black if measure_span(on_black) >= FLAT else on_white


def _split(image: Pixels, header: Header) -> tuple[Pixels, Pixels | None]:
    """Return colours and, where there is any, alpha, in 8 bits."""
    planes = image[:, :, None] if image.ndim == 2 else image
    shift = 8 * (planes.itemsize - 1)
    colours = _bits8(planes[:, :, :3], shift)
    bgr = np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else np.ascontiguousarray(colours)
    if planes.shape[2] == 4:
        return bgr, _bits8(planes[:, :, 3], shift)
    if not header.key:
        return bgr, None
    seen = (planes != _key(header, planes.shape[2])).any(axis=2)
    return bgr, (seen * 255).astype(np.uint8)


def _bits8(planes: Pixels, shift: int) -> Pixels:
    return (planes >> shift).astype(np.uint8) if shift else planes


def _key(header: Header, channels: int) -> list[int]:
    """Return the transparent colour, as the decoder scales it, in BGR."""
    key = [int.from_bytes(header.key[at : at + 2], "big") for at in range(0, 2 * channels, 2)][::-1]
    most = 2**header.bits - 1
    return [value * 255 // most for value in key] if header.bits < 8 else key


def _blend(bgr: Pixels, alpha: Pixels, ground: int) -> Pixels:
    blended = np.empty_like(bgr)
    for top in range(0, len(bgr), _ROWS):
        rows = slice(top, top + _ROWS)
        share = alpha[rows, :, None].astype(np.uint16)
        blended[rows] = (bgr[rows] * share + np.uint16(ground) * (255 - share) + 127) // 255
    return blended
