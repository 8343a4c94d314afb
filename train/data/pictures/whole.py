"""Is a JPEG whole? Decoders fill what is missing with grey, and nobody would learn that text is gone."""

import io
import re
import struct
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import PIL.Image

from train.data.pictures.errors import TruncatedPictureError
from train.data.pictures.jpeg import (
    BASELINE,
    DHT,
    DRI,
    END,
    PROGRESSIVE,
    QUANTISATION,
    SEQUENTIAL,
    Scan,
    Segment,
    is_frame,
    read_scans,
    segments,
)

MOST_PARTS = 256
"""Parts between restart marks that are looked at one by one."""
MAX_SIDE_PX = 65_500  # libjpeg's
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_LOOK_AHEAD = 8 * b"\xff\0"
"""libjpeg reads 64 bits ahead; ones are no code, so that these hold next to nothing."""


def require_end(data: bytes) -> None:
    """Raise TruncatedPictureError for a JPEG that breaks off: a cheap look for its end."""
    if data[-2:] != END:
        read_scans(data, list(segments(data))[-1])


def require_whole(data: bytes) -> None:
    """Raise TruncatedPictureError for a JPEG that lacks a part, whatever its end says.

    What cannot be told: a hole in a progressive one that leaves all its scans there.
    """
    try:
        whole = _is_whole(data)
    except (struct.error, IndexError, ValueError, StopIteration):
        whole = False
    if not whole:
        rule, remedy = "a JPEG must hold the whole picture", "send it anew or save it anew"
        raise TruncatedPictureError(rule, "one whose data end too soon or have a hole", remedy)


def _is_whole(data: bytes) -> bool:
    parts = list(segments(data))
    scans = read_scans(data, parts[-1])
    frame = next(part for part in parts if is_frame(part.marker))
    if frame.marker == PROGRESSIVE:
        return _has_every_bit(data, frame, scans)
    sequential = frame.marker in (BASELINE, SEQUENTIAL) and len(scans) == 1
    return _has_every_block(data, parts, frame, scans[0]) if sequential else True


def _has_every_bit(data: bytes, frame: Segment, scans: list[Scan]) -> bool:
    """Tell whether the scans of a progressive JPEG end with the last bit of every coefficient."""
    components = [data[frame.start + 6 + 3 * i] for i in range(data[frame.start + 5])]
    missing = {(component, place) for component in components for place in range(64)}
    for scan in scans:
        at, count = scan.header.start, data[scan.header.start]
        first, last, bits = data[at + 1 + 2 * count : at + 4 + 2 * count]
        if bits & 15 == 0:
            named = [data[at + 1 + 2 * i] for i in range(count)]
            missing -= {(component, place) for component in named for place in range(first, last + 1)}
    return not missing


class _Grid(NamedTuple):
    """Blocks of a baseline JPEG: how many pixels a unit has, and how many units there are."""

    width_px: int
    height_px: int
    columns: int
    rows: int


def _grid(data: bytes, frame: Segment) -> _Grid:
    height, width, count = struct.unpack_from(">HHB", data, frame.start + 1)
    factors = [data[frame.start + 7 + 3 * i] for i in range(count)]
    wide, high = (8 * max(f >> 4 for f in factors), 8 * max(f & 15 for f in factors)) if count > 1 else (8, 8)
    return _Grid(wide, high, -(-width // wide), -(-height // high))


def _has_every_block(data: bytes, parts: list[Segment], frame: Segment, scan: Scan) -> bool:
    grid = _grid(data, frame)
    units = grid.columns * grid.rows
    every = next((struct.unpack_from(">H", data, p.start)[0] for p in parts if p.marker == DRI), 0) or units
    wanted = -(-units // every)
    pieces = list(islice(_pieces(data, scan), wanted + 1))
    if len(pieces) != wanted:
        return False
    if len(pieces) > MOST_PARTS or not any(part.marker == DHT for part in parts):
        return True
    tables = b"".join(data[p.start - 4 : p.end] for p in parts if p.marker in (DHT, QUANTISATION))
    start = data[frame.start - 4 : frame.end], data[scan.header.start - 4 : scan.header.end]
    for i, piece in enumerate(pieces):
        size = _size(grid, min(every, units - i * every))
        filled = dict.fromkeys((piece, piece.rstrip(b"\0")))  # some cameras fill up with zeros
        if not any(_decodes(tables, *start, form, size) for form in filled):
            return False
    return True


def _pieces(data: bytes, scan: Scan) -> Iterator[bytes]:
    """Yield the data between restart marks, of which a file may hold millions."""
    content, at = data[scan.header.end : scan.end].rstrip(b"\xff"), 0
    for mark in _RESTART.finditer(content):
        yield content[at : mark.start()]
        at = mark.end()
    yield content[at:]


def _size(grid: _Grid, units: int) -> tuple[int, int]:
    """Return (width, height) in pixels of a picture of so many units: whole rows, or a part of one."""
    columns, rows = (grid.columns, units // grid.columns) if units % grid.columns == 0 else (units, 1)
    return columns * grid.width_px, rows * grid.height_px


def _decodes(tables: bytes, frame: bytes, scan: bytes, piece: bytes, size: tuple[int, int]) -> bool:
    """Tell whether data hold the blocks of a picture of this (width, height), no fewer and not many more.

    They become a small picture of their own, without its end: Pillow decodes it only if it has all its blocks, and
    leaves it as soon as it has them. Up to 7 bytes too many, as some cameras leave, cannot be told.
    """
    width, height = size
    if max(size) > MAX_SIDE_PX:
        return True
    start = b"\xff\xd8" + tables + frame[:5] + struct.pack(">HH", height, width) + frame[9:] + scan
    file = _TwoParts(start + piece + _LOOK_AHEAD)
    file.first = len(start) + len(piece) - 1  # the last byte holds the end of the last block
    try:
        with PIL.Image.open(file, formats=["JPEG"]) as image:
            image.draft("L", (width // 8, height // 8))
            image.load()
    except OSError:
        return False
    return file.tell() > file.first


class _TwoParts(io.BytesIO):
    """A file whose second part is read only by who asks again.

    Attributes:
        first: the length of the first part.
    """

    first = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes, of one part only."""
        left = self.first - self.tell()
        if left <= 0:
            return super().read(size)
        return super().read(left if size is None or size < 0 else min(size, left))
