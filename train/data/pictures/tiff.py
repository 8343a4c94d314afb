"""A TIFF's directories, read by hand: nothing is decoded."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from train.data.pictures.errors import UnknownPictureError
from train.data.pictures.exif import normalise_orientation
from train.data.pictures.header import Header, make_damage_error

_SMALL_TILE_PX = 2**20  # a TIFF's tiles up to this size cost nothing worth refusing
_MOST_TAGS = 4096
"""Of a page; a BigTIFF may promise as many as its file has room for, again and again."""
MAX_BITS = 16

WIDTH, HEIGHT, BITS, PACKED, PHOTOMETRIC, TURN, SAMPLES = 256, 257, 258, 259, 262, 274, 277
PLANES, TILE_WIDTH, TILE_HEIGHT, EXTRA, FORMAT = 284, 322, 323, 338, 339
_DEFAULTS = {WIDTH: 0, HEIGHT: 0, BITS: 1, SAMPLES: 1, TILE_WIDTH: 0, TILE_HEIGHT: 0}
_OTHERS = frozenset({PACKED, PHOTOMETRIC, TURN, EXTRA, FORMAT})
_FORMS = {3: "H", 4: "I", 16: "Q"}

WHITE_IS_0, BLACK_IS_0, RGB, PALETTE, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
_COLOURS = {WHITE_IS_0: 1, BLACK_IS_0: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, LAB: 3}
"""Samples of a pixel, without alpha."""
_FLOAT = 3
_UNSPECIFIED = 0  # an extra sample that is no alpha
_OPENCV_16_BITS = frozenset({WHITE_IS_0, BLACK_IS_0, RGB})
_LOOSE = frozenset({5, 8, 32946})
"""Compressions in which OpenCV passes over a hole that Pillow tells: LZW and Deflate."""


class _Layout(NamedTuple):
    """How numbers are written: byte order, and the forms of an offset, a count, and the size of an entry."""

    order: str
    offset: str
    number: str
    entry: int


def read_tiff(data: bytes) -> Iterator[Header]:
    """Yield the header of every page: follow the chain of directories, each once."""
    order = "<" if data[:2] == b"II" else ">"
    large = data[2:4] in (b"\x2b\x00", b"\x00\x2b")
    how = _Layout(order, "Q", "Q", 20) if large else _Layout(order, "I", "H", 12)
    (at,) = struct.unpack_from(order + how.offset, data, 8 if large else 4)
    seen: set[int] = set()
    while at not in seen and (at or not seen):
        seen.add(at)
        (count,) = struct.unpack_from(order + how.number, data, at)
        if count > _MOST_TAGS:
            raise make_damage_error("tiff", f"a page with more than {_MOST_TAGS} tags")
        first = at + struct.calcsize(order + how.number)
        tags = _read_tags(data, first, count, how)
        (at,) = struct.unpack_from(order + how.offset, data, first + how.entry * count)
        yield _header(tags, several=bool(at) and at not in seen)


def _read_tags(data: bytes, at: int, count: int, how: _Layout) -> dict[int, int]:
    """Return the first value of each needed tag of one directory."""
    tags = dict(_DEFAULTS)
    found: set[int] = set()
    for entry in range(at, at + how.entry * count, how.entry):
        tag, kind, values = struct.unpack_from(how.order + "HH" + how.offset, data, entry)
        if tag not in _DEFAULTS and tag not in _OTHERS:
            continue
        if tag in found or kind not in _FORMS or values < 1:  # readers differ on which of two they believe
            raise make_damage_error("tiff", f"a strange tag {tag}")
        found.add(tag)
        form = how.order + _FORMS[kind]
        place = entry + 4 + struct.calcsize(how.order + how.offset)
        if values * struct.calcsize(form) > struct.calcsize(how.order + how.offset):
            (place,) = struct.unpack_from(how.order + how.offset, data, place)
        (tags[tag],) = struct.unpack_from(form, data, place)
    return tags


def _header(tags: dict[int, int], several: bool) -> Header:
    """Return a page's header; raise PictureError for what no reader here gets right."""
    bits, samples = tags[BITS], tags[SAMPLES]
    colour = tags.get(PHOTOMETRIC, RGB if samples >= 3 else BLACK_IS_0)
    _check_storage(tags, colour)
    extra = samples - _COLOURS[colour]
    alpha = extra > 0 and tags.get(EXTRA) != _UNSPECIFIED
    depth = bits == 8 or (bits == 16 and colour in _OPENCV_16_BITS) or (bits == 1 and colour <= BLACK_IS_0)
    plain = depth and not extra and not (tags.get(PACKED) in _LOOSE and colour <= PALETTE)
    width, height = tags[WIDTH], tags[HEIGHT]
    return Header(
        "tiff", width, height, normalise_orientation(tags.get(TURN, 1)), alpha, plain, several, bits
    )


def _check_storage(tags: dict[int, int], colour: int) -> None:
    """Refuse pages whose tiles or pixels take far more memory than the page has pixels, or that nobody can show."""
    tile, page = tags[TILE_WIDTH] * tags[TILE_HEIGHT], tags[WIDTH] * tags[HEIGHT]
    if tile > max(4 * page, _SMALL_TILE_PX):
        sides = f"{tags[TILE_WIDTH]} x {tags[TILE_HEIGHT]}"
        raise make_damage_error("tiff", f"tiles of {sides} pixels for {tags[WIDTH]} x {tags[HEIGHT]}")
    bits, samples = tags[BITS], tags[SAMPLES]
    if tags.get(FORMAT) == _FLOAT or bits > MAX_BITS:
        kind = "floating-point" if tags.get(FORMAT) == _FLOAT else "whole"
        rule = f"a TIFF must have whole numbers of at most {MAX_BITS} bits"
        raise UnknownPictureError(rule, f"{kind} numbers of {bits} bits", "convert it to 8-bit RGB")
    if colour not in _COLOURS or not 0 <= samples - _COLOURS[colour] <= 1:
        value = f"{samples} samples of colour space {colour}"
        raise UnknownPictureError(
            "a TIFF must be grey, RGB, CMYK, YCbCr, Lab or have a palette", value, "convert it to 8-bit RGB"
        )
