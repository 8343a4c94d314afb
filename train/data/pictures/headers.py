"""What a file says about its picture, of every kind that is read; nothing is decoded.

Written by hand where OpenCV decodes, because a general library's "lazy" open already inflates, warns or gives up on
files that OpenCV reads.
"""

import struct
from collections.abc import Callable, Iterator

from train.data.pictures.errors import LargePictureError, UnknownPictureError
from train.data.pictures.exif import read_orientation
from train.data.pictures.header import Header, check_header, make_damage_error
from train.data.pictures.jpeg import read_jpeg
from train.data.pictures.kinds import READABLE, Kind, describe_other, sniff
from train.data.pictures.library import read_boxes
from train.data.pictures.tiff import read_tiff

_MOST_CHUNKS = 2**17  # libpng writes one for 8 kB
_PACKED_TEXTS = (b"zTXt", b"iTXt")
_BY_MASKS = 3  # of a BMP: its colours have masks
_BGR = struct.pack("<III", 0xFF0000, 0xFF00, 0xFF)  # the usual masks
_MOST_BLOCKS = 2**20  # of a GIF: encoders write one for 255 bytes


def read_header(data: bytes) -> Header:
    """Return the header of a file's picture, the first one where there are several.

    Args:
        data: the file; only parts of it are looked at, so it may be mapped.

    Raises:
        LargePictureError: it has too many pixels.
        DamagedPictureError: the header is cut short or contradicts itself.
        UnknownPictureError: no image that is read.
    """
    return next(_headers(data))


def read_pages(data: bytes, most: int) -> list[Header]:
    """Return the headers of a TIFF's pages, or of the one picture of another file.

    Args:
        data: the file.
        most: pages; reading stops at the first beyond, with LargePictureError.
    """
    found = []
    for header in _headers(data):
        found.append(header)
        if len(found) > most:
            rule = f"a document must have at most {most} pages"
            raise LargePictureError(rule, "more", "send its pages in parts")
    return found


def _headers(data: bytes) -> Iterator[Header]:
    kind = sniff(data)
    if kind is None:
        value = describe_other(data)
        raise UnknownPictureError(f"an image must be {READABLE}", value, "convert it to PNG, or remove it")
    try:
        for header in _READERS[kind](data):
            yield check_header(header)
    except (struct.error, IndexError) as error:
        raise make_damage_error(kind, "a header cut short") from error


def _read_png(data: bytes) -> Iterator[Header]:
    """IHDR comes first and has 13 bytes; EXIF may stand behind the pixels."""
    if data[8:16] != b"\0\0\0\x0dIHDR":
        raise make_damage_error("png", "no IHDR chunk")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    found: dict[bytes, tuple[int, int]] = {}
    for name, at, after in png_chunks(data):
        found.setdefault(name, (at, after))
    start, end = found.get(b"tRNS", (0, 0))
    key = bytes(data[start:end])
    orientation = read_orientation(data[slice(*found[b"eXIf"])]) if b"eXIf" in found else 1
    frames = struct.unpack_from(">I", data, found[b"acTL"][0])[0] if b"acTL" in found else 1
    alpha = colour >= 4 or bool(key)
    yield Header("png", width, height, orientation, alpha, not alpha, frames > 1, bits, key)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's name, and where its contents begin and end; raise DamagedPictureError for too many."""
    at, size = 8, len(data)
    for _ in range(_MOST_CHUNKS):
        if at + 8 > size:
            return
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, at + 8, at + 8 + length
        if name == b"IEND":
            return
        at += 12 + length
    raise make_damage_error("png", f"more than {_MOST_CHUNKS} chunks")


def without_texts(data: bytes) -> bytes:
    """Return a PNG without its packed texts: libpng inflates each of a thousand to 8 MB, and keeps them."""
    if not any(name in data for name in _PACKED_TEXTS):
        return data
    kept = [data[at - 8 : end + 4] for name, at, end in png_chunks(data) if name not in _PACKED_TEXTS]
    return b"".join([data[:8], *kept])


def _read_bmp(data: bytes) -> Iterator[Header]:
    """The width and height are 32-bit, or 16-bit in OS/2's old header; a negative height is top-down.

    Only a header of the fourth version has a mask of alpha; in older ones the fourth byte means nothing. With an
    older one, OpenCV takes the first three bytes for BGR, whatever the masks say: other masks are the library's.
    """
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    bits, packed = struct.unpack_from("<HI", data, 28) if header > 12 else (0, 0)
    alpha = header >= 56 and bits == 32 and any(data[66:70])
    usual = bits != 32 or packed != _BY_MASKS or data[54:66] == _BGR
    usual = usual or (header >= 56 and not (data[57] or data[61] or data[65]))
    yield Header("bmp", width, abs(height), alpha=alpha, plain=usual and not alpha)


def _read_webp(data: bytes) -> Iterator[Header]:
    """VP8X (canvas), VP8L (lossless) or VP8 (lossy) is the first chunk."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        yield _read_extended_webp(data)
    elif chunk == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        alpha = bool(bits >> 28 & 1)
        yield Header("webp", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, alpha=alpha, plain=not alpha)
    elif chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        yield Header("webp", width & 0x3FFF, height & 0x3FFF)
    else:
        raise make_damage_error("webp", "no picture in its first chunk")


def _read_extended_webp(data: bytes) -> Header:
    flags, canvas = data[20], data[24:30].ljust(6, b"\0")
    width, height = (int.from_bytes(side, "little") + 1 for side in (canvas[:3], canvas[3:]))
    several, alpha = bool(flags & 2), bool(flags & 16)
    orientation = read_orientation(_webp_exif(data)) if flags & 8 else 1
    return Header("webp", width, height, orientation, alpha, not (alpha or several), several)


def _webp_exif(data: bytes) -> bytes:
    at = 12
    for _ in range(_MOST_CHUNKS):
        name, length = struct.unpack_from("<4sI", data, at)
        if name == b"EXIF":
            return bytes(data[at + 8 : at + 8 + length])
        at += 8 + length + length % 2
        if at + 8 > len(data):
            break
    return b""


def _read_gif(data: bytes) -> Iterator[Header]:
    """The screen's size, and the first frame's where that is larger, as Pillow has it."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _colours(flags)
    size = None
    for _ in range(_MOST_CHUNKS):
        if at >= len(data) or data[at] == 0x3B:  # the end
            break
        if data[at] == 0x2C:  # a frame
            if size is not None:
                yield Header("gif", *size, alpha=True, plain=False, several=True)
                return
            left, top, wide, high, flags = struct.unpack_from("<HHHHB", data, at + 1)
            size = max(width, left + wide), max(height, top + high)
            at = _skip_blocks(data, at + 11 + _colours(flags))
        else:
            at = _skip_blocks(data, at + 2) if data[at] == 0x21 else at + 1
    if size is None:
        raise make_damage_error("gif", "no frame")
    yield Header("gif", *size, alpha=True, plain=False)


def _colours(flags: int) -> int:
    """Return the bytes of a table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip_blocks(data: bytes, at: int) -> int:
    """Return where a chain of blocks ends, or the file; raise DamagedPictureError for too many."""
    for _ in range(_MOST_BLOCKS + 1):  # the last one looks at what follows them
        if at >= len(data) or not data[at]:
            return at + 1
        at += data[at] + 1
    raise make_damage_error("gif", f"more than {_MOST_BLOCKS} blocks")


def _read_jpeg(data: bytes) -> Iterator[Header]:
    yield read_jpeg(data)


def _read_heic(data: bytes) -> Iterator[Header]:
    yield read_boxes(data, "heic")


def _read_avif(data: bytes) -> Iterator[Header]:
    yield read_boxes(data, "avif")


_READERS: dict[Kind, Callable[[bytes], Iterator[Header]]] = {
    "png": _read_png,
    "jpeg": _read_jpeg,
    "bmp": _read_bmp,
    "tiff": read_tiff,
    "webp": _read_webp,
    "gif": _read_gif,
    "avif": _read_avif,
    "heic": _read_heic,
}
