"""Image files to pixels; the policy stands in this folder's docstring."""

from typing import NamedTuple

import cv2
import numpy as np

from train.data.pictures.alpha import make_opaque
from train.data.pictures.errors import DamagedPictureError
from train.data.pictures.exif import Pixels, turn
from train.data.pictures.header import Header, make_damage_error
from train.data.pictures.headers import read_header, without_texts
from train.data.pictures.library import read_library
from train.data.pictures.whole import require_end

cv2.setLogLevel(0)  # what a decoder says of a broken file, an error says in one line

_PLAIN = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
_BY_OPENCV = frozenset({"png", "webp"})
"""Kinds whose alpha OpenCV reads."""


class Picture(NamedTuple):
    """A decoded picture, (H, W, 3) uint8 BGR, and what its file said of it."""

    pixels: Pixels
    header: Header


def decode_picture(data: bytes, header: Header | None = None) -> Picture:
    """Decode an image file's first picture.

    Args:
        data: the file.
        header: its, where it was read already.

    Raises:
        PictureError: it cannot be read, is not whole, or is not what its header says.
    """
    header = read_header(data) if header is None else header
    if header.kind == "jpeg":
        require_end(data)
    if header.kind == "png":
        data = without_texts(data)
    if header.plain:
        pixels = _read_opencv(data, header, _PLAIN)
    elif header.kind in _BY_OPENCV and not header.several:
        pixels = make_opaque(_read_opencv(data, header, cv2.IMREAD_UNCHANGED), header)
    else:
        pixels = make_opaque(read_library(data, header), header)
    return Picture(_finished(pixels, header), header)


def decode_page(data: bytes, header: Header, page: int) -> Pixels:
    """Decode a page of a TIFF, (H, W, 3) uint8 BGR, with Pillow, as PaddleX does where there are several."""
    return _finished(make_opaque(read_library(data, header, page), header), header)


def _finished(pixels: Pixels, header: Header) -> Pixels:
    """Return a picture the right way up; refuse one that is not what its header promised."""
    turned = pixels if header.kind == "tiff" else turn(pixels, header.orientation)
    if turned.shape[:2] != header.size:  # two readers saw two files in it
        value = f"{turned.shape[1]} x {turned.shape[0]} pixels"
        raise DamagedPictureError(
            f"a {header.kind.upper()} must be as large as its header says", value, "save it anew"
        )
    return turned


def _read_opencv(data: bytes, header: Header, flags: int) -> Pixels:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise make_damage_error(header.kind, f"{len(data)} bytes that are not")
    return np.asarray(image)
