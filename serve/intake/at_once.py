"""Which pictures the event loop decodes itself: those whose work is known to be small before any of it is done.

A crafted file of a few kB can keep a decoder busy for a second, and all other requests would wait. So it is said what
may stand in a file, not what may not; all others are decoded as well, but in a thread.
"""

import struct
import zlib
from collections.abc import Sequence
from itertools import islice

from train.data.pictures.errors import PictureError
from train.data.pictures.headers import png_chunks
from train.data.pictures.jpeg import BASELINE, DRI, SEQUENTIAL, SOS, is_frame, read_scans, segments
from train.data.pictures.kinds import sniff

DECODED_AT_ONCE_BYTES = 2**17
"""Files, and their pictures when decoded: two milliseconds at most, usually a tenth of one."""
MOST_FILES = 4
LEAST_SIDE_PX = 8  # a JPEG one pixel high is decoded as sixteen
MOST_PARTS = 64
"""Chunks of a PNG, or segments of a JPEG: an encoder writes 5 to 20."""
JPEG_HEADER_BYTES = 2**14
_CHUNKS = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB sBIT bKGD pHYs tIME tEXt".split())
"""Of a PNG; libpng inflates zTXt, iTXt and iCCP to 8 MB each."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def decodes_at_once(files: Sequence[bytes]) -> bool:
    """Say whether files are few, and small and simple enough, to be decoded in the event loop."""
    if len(files) > MOST_FILES or sum(map(len, files)) > DECODED_AT_ONCE_BYTES:
        return False
    return all(map(_is_simple, files))


def _is_simple(data: bytes) -> bool:
    kind = sniff(data)
    try:
        return (kind == "jpeg" and _is_simple_jpeg(data)) or (kind == "png" and _is_simple_png(data))
    except (PictureError, struct.error, IndexError, zlib.error):
        return False


def _is_simple_jpeg(data: bytes) -> bool:
    """Say whether a JPEG has one scan, whose parts need not be looked at one by one."""
    parts = list(islice(segments(data), MOST_PARTS))
    frames = [part for part in parts if is_frame(part.marker)]
    if len(frames) != 1 or parts[-1].marker != SOS or parts[-1].end > JPEG_HEADER_BYTES:
        return False
    sides = struct.unpack_from(">HH", data, frames[0].start + 1)
    plain = frames[0].marker in (BASELINE, SEQUENTIAL) and all(part.marker != DRI for part in parts)
    return plain and min(sides) >= LEAST_SIDE_PX and len(read_scans(data, parts[-1])) == 1


def _is_simple_png(data: bytes) -> bool:
    """Say whether a PNG has 8 bits, no interlacing, and nothing but its pixels to inflate."""
    width, height, bits, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    parts = list(islice(png_chunks(data), MOST_PARTS))
    if parts[-1][0] != b"IEND" or not _CHUNKS.issuperset(name for name, _, _ in parts):
        return False
    if interlaced or bits > 8 or colour not in _CHANNELS or min(width, height) < LEAST_SIDE_PX:
        return False
    pixels = b"".join(data[start:end] for name, start, end in parts if name == b"IDAT")
    return _inflates_to(height * (1 + -(-width * bits * _CHANNELS[colour] // 8)), pixels)


def _inflates_to(size: int, packed: bytes) -> bool:
    """Say whether data inflate to so many bytes and no more: libpng goes on to the end of what is behind the pixels."""
    if size > 2 * DECODED_AT_ONCE_BYTES:
        return False
    inflating = zlib.decompressobj()
    return len(inflating.decompress(packed, size + 1)) == size and inflating.eof
