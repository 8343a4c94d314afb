"""Which way up a camera held a picture."""

import struct

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

ORIENTATION = 0x0112
TURNED = frozenset({5, 6, 7, 8})
"""Orientations that swap width and height."""
_MARK = b"Exif\0\0"


def read_orientation(exif: bytes) -> int:
    """Return EXIF's orientation, 1 to 8; 1 where there is none or it makes no sense, as cameras' software does."""
    tiff = exif[len(_MARK) :] if exif.startswith(_MARK) else exif
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(f"{order}HH", tiff, entry)
            if tag == ORIENTATION:
                (value,) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", tiff, entry + 8)
                return normalise_orientation(value)
    except struct.error:
        pass
    return 1


def normalise_orientation(orientation: int) -> int:
    """Return an orientation from 1 to 8; 1 for any other number."""
    return orientation if 1 <= orientation <= 8 else 1


def turn(image: Pixels, orientation: int) -> Pixels:
    """Return (H, W, 3) turned as EXIF's orientation says."""
    if orientation == 1:
        return image
    if orientation in TURNED:
        image = np.asarray(cv2.transpose(image), np.uint8)
    flips = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}
    return np.asarray(cv2.flip(image, flips[orientation]), np.uint8) if orientation in flips else image
