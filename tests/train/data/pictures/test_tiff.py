"""TIFFs of many layouts: each is read as it looks, or refused."""

import struct
import zlib
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.serve.intake.crafted import picture
from train.data.pictures.decoding import decode_page, decode_picture
from train.data.pictures.errors import PictureError
from train.data.pictures.headers import read_header
from train.data.pictures.tiff import BLACK_IS_0, CMYK, RGB, WHITE_IS_0

ALPHA = 2
Pixels = npt.NDArray[Any]


def stored(pixels: Pixels, photometric: int, planes: bool, packed: bool, extra: int | None) -> bytes:
    """Write (H, W, S) in one strip, or one for each plane."""
    parts = np.split(pixels, pixels.shape[2], axis=2) if planes else [pixels]
    strips = [zlib.compress(part.tobytes()) if packed else part.tobytes() for part in parts]
    height, width, samples = pixels.shape
    starts = np.cumsum([8, *map(len, strips)]).tolist()
    tags: dict[int, list[int]] = {
        256: [width], 257: [height], 258: [8 * pixels.itemsize] * samples, 259: [8 if packed else 1],
        262: [photometric], 273: starts[:-1], 277: [samples], 278: [height], 279: list(map(len, strips)),
        284: [1 + planes], **({338: [extra]} if extra else {}),
    }  # fmt: skip
    far = starts[-1] + 2 + 12 * len(tags) + 4
    entries, behind = b"", b""
    for tag, values in tags.items():
        words = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            words, behind = struct.pack("<I", far + len(behind)), behind + words
        entries += struct.pack("<HHI", tag, 4, len(values)) + words
    directory = struct.pack("<H", len(tags)) + entries + bytes(4) + behind
    return b"II*\0" + struct.pack("<I", starts[-1]) + b"".join(strips) + directory


def samples_of(photometric: int, alpha: bool) -> tuple[Pixels, Pixels]:
    """Return a picture's samples, (H, W, S) uint8, and how it looks, (H, W, 3) BGR."""
    seen = picture()
    if photometric in (BLACK_IS_0, WHITE_IS_0):
        seen = np.repeat(seen[:, :, :1], 3, axis=2)
        samples = seen[:, :, :1] if photometric == BLACK_IS_0 else 255 - seen[:, :, :1]
    elif photometric == RGB:
        samples = seen[:, :, ::-1]
    else:
        samples = np.concatenate([255 - seen[:, :, ::-1], np.zeros_like(seen[:, :, :1])], axis=2)
    if alpha:
        samples = np.concatenate([samples, np.full_like(samples[:, :, :1], 255)], axis=2)
    return np.ascontiguousarray(samples), seen


def decode_alone(data: bytes) -> Pixels:
    return decode_picture(data).pixels


def decode_among_others(data: bytes) -> Pixels:
    return decode_page(data, read_header(data), 0)


@pytest.mark.parametrize("decode", [decode_alone, decode_among_others])
@pytest.mark.parametrize(
    ("photometric", "alpha"), product((BLACK_IS_0, WHITE_IS_0, RGB, CMYK), (False, True))
)
def test_what_is_not_refused_is_read_as_it_looks(
    photometric: int, alpha: bool, decode: Callable[[bytes], Pixels]
) -> None:
    samples, seen = samples_of(photometric, alpha)
    for bits, planes, packed in product((8, 16), (False, True), (False, True)):
        deep = samples if bits == 8 else samples.astype(np.uint16) * 257
        data = stored(deep, photometric, planes, packed, ALPHA if alpha else None)
        try:
            found = decode(data)
        except PictureError:
            assert alpha or planes or (bits == 16 and photometric == CMYK), "these are usual"
            continue
        off = np.abs(found.astype(int) - seen).max()
        assert off <= (12 if photometric == CMYK else 1), (bits, planes, packed)
