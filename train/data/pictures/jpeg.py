"""A JPEG's segments and scans, walked by hand: nothing is decoded."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from train.data.pictures.errors import TruncatedPictureError, UnknownPictureError
from train.data.pictures.exif import read_orientation
from train.data.pictures.header import Header, make_damage_error

MAX_SCANS = 64  # an encoder writes about ten; thousands on a large picture keep a core busy for hours
MAX_SEGMENTS = 2048  # before the first scan; the largest profiles need some hundreds
END = b"\xff\xd9"
SOS, DHT, QUANTISATION, DRI, EXIF = 0xDA, 0xC4, 0xDB, 0xDD, 0xE1
_NO_FRAMES = frozenset({DHT, 0xC8, 0xCC})
BASELINE, SEQUENTIAL, PROGRESSIVE = 0xC0, 0xC1, 0xC2

_SIDES = struct.Struct(">HH")
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_AFTER_DATA = re.compile(
    rb"\xff([^\x00\xff\xd0-\xd7])"
)  # in entropy-coded data 0xFF stands before 0 or a restart


@dataclass(frozen=True)
class Segment:
    """A marker and what belongs to it.

    Attributes:
        start: of its contents, behind the length.
        end: of its contents.
    """

    marker: int
    start: int
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of a JPEG up to its first scan, whose header is the last."""
    for marker, start, end in _walk(data):
        yield Segment(marker, start, end)


def _walk(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of what `segments` are: fast, as every picture is looked at."""
    at = 2
    for _ in range(MAX_SEGMENTS):
        marker = data[at + 1] if data[at : at + 1] == b"\xff" and len(data) > at + 1 else 0
        at += 2
        if marker in (0, 0xFF):  # other bytes stand before it
            found = _MARKER.search(data, at - 2)
            if found is None:
                return
            marker, at = found[1][0], found.end()
        if marker == 0x01 or 0xD0 <= marker <= 0xD9:  # without a length
            continue
        if at + 2 > len(data):
            raise IndexError
        length = data[at] << 8 | data[at + 1]
        end = at + max(length, 2)
        yield marker, at + 2, end
        if marker == SOS:
            return
        at = end


def is_frame(marker: int) -> bool:
    """Tell whether a segment is the header of a frame."""
    return 0xC0 <= marker <= 0xCF and marker not in _NO_FRAMES


def read_jpeg(data: bytes) -> Header:
    """Return a JPEG's header; libjpeg refuses a second frame itself."""
    width, height, orientation, exif = 0, -1, 1, False
    for marker, start, end in _walk(data):
        if marker == EXIF and not exif and data[start : start + 6] == b"Exif\0\0":
            orientation, exif = read_orientation(data[start:end]), True
        elif height < 0 and is_frame(marker):
            height, width = _SIDES.unpack_from(data, start + 1)
        elif marker == SOS and height >= 0:
            return Header("jpeg", width, height, orientation)
    raise make_damage_error("jpeg", "no frame and scan")


@dataclass(frozen=True)
class Scan:
    """A part of the picture's data.

    Attributes:
        header: of the scan.
        end: of its data, which begin where the header ends.
    """

    header: Segment
    end: int


def read_scans(data: bytes, first: Segment) -> list[Scan]:
    """Return the scans of the first picture in a file; what follows its end is none of it.

    Raises:
        TruncatedPictureError: it has no end.
        UnknownPictureError: it has more scans than an encoder writes.
    """
    found: list[Scan] = []
    header, at = first, first.end
    for _ in range(MAX_SEGMENTS):
        marker = _AFTER_DATA.search(data, at)
        if marker is None:
            break
        if header.marker == SOS:
            found.append(Scan(header, marker.start()))
        if len(found) > MAX_SCANS:
            rule = f"a JPEG must have at most {MAX_SCANS} scans"
            raise UnknownPictureError(rule, "more", "save it without progression")
        if marker[0] == END:
            return found
        if marker.end() + 2 > len(data):
            break
        (length,) = struct.unpack_from(">H", data, marker.end())
        header = Segment(marker[1][0], marker.end() + 2, marker.end() + max(length, 2))
        at = header.end
    raise TruncatedPictureError(
        "a JPEG file must be whole and valid", "no end: it is cut short", "save or send it anew"
    )
