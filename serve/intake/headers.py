"""What a file says about itself: its type by magic bytes, its pictures' sizes by header; nothing is decoded.

Written by hand, because a general library's "lazy" open already inflates, warns or gives up on files that
OpenCV reads. `serve.intake.guard` compares what was decoded with what is read here.
"""

import re
import struct
from collections.abc import Callable, Iterator
from typing import Literal

from serve.errors import TooLargeError, UndecodableError, UnsupportedError

Kind = Literal["png", "jpeg", "bmp", "tiff", "webp", "gif", "pdf"]
Size = tuple[int, int]  # width, height in pixels

MAX_SIDE_PX = 2**20  # OpenCV's own bound
MAX_JPEG_SCANS = 64  # an encoder writes about ten; thousands on a large picture keep a core busy for hours
MAX_JPEG_SEGMENTS = 2048  # before the first scan; the largest profiles need some hundreds
MAX_PIXEL_BITS = 64  # of a TIFF: 16-bit RGBA
_SMALL_TILE_PX = 2**20  # a TIFF's tiles up to this size cost nothing worth refusing
_PDF_WINDOW = 1024  # bytes in which readers look for a PDF's first mark

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"BM", "bmp"),
    (b"II\x2a\x00", "tiff"),
    (b"MM\x00\x2a", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)


def sniff(data: bytes) -> Kind | None:
    """Return the type of a file by its first bytes, never by a name; None if it is none that is known."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return "pdf" if b"%PDF-" in data[:_PDF_WINDOW] else None


def read_sizes(data: bytes, kind: Kind, max_pages: int) -> list[Size]:
    """Read the size of every picture of an image file from its header.

    Args:
        data: the file.
        kind: what `sniff` found; not "pdf" (`serve.intake.documents` asks pdfium) and not "gif".
        max_pages: of a TIFF; reading stops at the first page beyond.

    Returns:
        (width, height) of each, as stored: before any turn by EXIF; one but for a TIFF.

    Raises:
        TooLargeError: more pages or longer sides.
        UndecodableError: the header is cut short or contradicts itself.
        UnsupportedError: no reader for this type, or for what the header asks for.
    """
    reader = _READERS.get(kind)
    if reader is None:
        raise UnsupportedError(
            "an image must be a PNG, JPEG, BMP, TIFF or WebP", kind.upper(), "convert it to PNG"
        )
    found = []
    try:
        for size in reader(data):
            found.append(_check_size(size, kind))
            if len(found) > max_pages:
                raise TooLargeError(
                    f"a document must have at most {max_pages} pages", "more", "send its pages in parts"
                )
    except (struct.error, IndexError) as error:
        raise _broken(kind, "a header cut short") from error
    return found


def _check_size(size: Size, kind: Kind) -> Size:
    """Return a size; refuse one that is empty or over the limit."""
    if min(size) < 1:
        raise _broken(kind, f"{size[0]} x {size[1]} pixels")
    if max(size) > MAX_SIDE_PX:
        raise TooLargeError(
            f"an image's sides must be at most {MAX_SIDE_PX} pixels",
            f"{size[0]} x {size[1]}",
            "send a smaller one",
        )
    return size


def _broken(kind: Kind, value: str) -> UndecodableError:
    return UndecodableError(f"a {kind.upper()} file must be whole and valid", value, "save or send it anew")


def _read_png(data: bytes) -> Iterator[Size]:
    """IHDR comes first and has 13 bytes."""
    if data[8:16] != b"\0\0\0\x0dIHDR":
        raise _broken("png", "no IHDR chunk")
    yield struct.unpack_from(">II", data, 16)


def _read_bmp(data: bytes) -> Iterator[Size]:
    """The width and height are 32-bit, or 16-bit in OS/2's old header; a negative height is top-down."""
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    yield width, abs(height)


def _read_webp(data: bytes) -> Iterator[Size]:
    """VP8X (canvas), VP8L (lossless) or VP8 (lossy) is the first chunk."""
    chunk = data[12:16]
    if chunk == b"VP8X":
        flags, canvas = data[20], data[24:30].ljust(6, b"\0")
        if flags & 2:
            raise UnsupportedError("a WebP must hold one picture", "an animation", "send one of its frames")
        yield int.from_bytes(canvas[:3], "little") + 1, int.from_bytes(canvas[3:], "little") + 1
    elif chunk == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", data, 21)
        yield (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        yield width & 0x3FFF, height & 0x3FFF
    else:
        raise _broken("webp", "no picture in its first chunk")


_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff])")


def _read_jpeg(data: bytes) -> Iterator[Size]:
    """Walk the segments to the first scan; libjpeg refuses a second frame header itself."""
    size, at = None, 2
    for _ in range(MAX_JPEG_SEGMENTS):
        found = _JPEG_MARKER.search(data, at)
        if found is None:
            break
        marker, at = found[1][0], found.end()
        if marker == 0xDA and size:
            _check_scans(data, at)
            yield size
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xDA:  # without a length
            continue
        (length,) = struct.unpack_from(">H", data, at)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 3)
            size = size or (width, height)
        at += max(length, 2)
    raise _broken("jpeg", "no frame and scan")


def _check_scans(data: bytes, first: int) -> None:
    """Refuse what libjpeg would read, but silently as a half-grey picture or for hours.

    In entropy-coded data 0xFF is always followed by 0, so these markers cannot occur in it.
    """
    if data.find(b"\xff\xd9", first) < 0:
        raise _broken("jpeg", "no end: it is cut short")
    scans = 1 + data.count(b"\xff\xda", first)
    if scans > MAX_JPEG_SCANS:
        raise UnsupportedError(
            f"a JPEG must have at most {MAX_JPEG_SCANS} scans", scans, "save it without progression"
        )


_TIFF_NEEDED = {256: 0, 257: 0, 258: 1, 277: 1, 322: 1, 323: 1}  # tag: default of size, bits, samples, tile


def _read_tiff(data: bytes) -> Iterator[Size]:
    """Follow the chain of directories, each once."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    seen: set[int] = set()
    while at not in seen and (at or not seen):
        seen.add(at)
        (count,) = struct.unpack_from(order + "H", data, at)
        tags = _read_tiff_tags(data, at + 2, count, order)
        _check_storage(tags)
        yield tags[256], tags[257]
        (at,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)


def _read_tiff_tags(data: bytes, at: int, count: int, order: str) -> dict[int, int]:
    """First value of each needed tag of one directory."""
    tags = dict(_TIFF_NEEDED)
    found: set[int] = set()
    for entry in range(at, at + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", data, entry)
        if tag not in tags:
            continue
        if tag in found or kind not in (3, 4) or values < 1:  # readers differ on which of two they believe
            raise _broken("tiff", f"a strange tag {tag}")
        found.add(tag)
        form = order + ("H" if kind == 3 else "I")
        place = entry + 8
        if values * struct.calcsize(form) > 4:
            (place,) = struct.unpack_from(order + "I", data, place)
        (tags[tag],) = struct.unpack_from(form, data, place)
    return tags


def _check_storage(tags: dict[int, int]) -> None:
    """Refuse pages whose tiles or pixels take far more memory than the page has pixels."""
    tile, page = tags[322] * tags[323], tags[256] * tags[257]
    if tile > max(4 * page, _SMALL_TILE_PX):
        raise _broken("tiff", f"tiles of {tags[322]} x {tags[323]} pixels for {tags[256]} x {tags[257]}")
    if tags[258] * tags[277] > MAX_PIXEL_BITS:
        raise UnsupportedError(
            f"a TIFF must have at most {MAX_PIXEL_BITS} bits a pixel",
            f"{tags[277]} samples of {tags[258]} bits",
            "convert it to 8-bit RGB",
        )


_READERS: dict[Kind, Callable[[bytes], Iterator[Size]]] = {
    "png": _read_png,
    "jpeg": _read_jpeg,
    "bmp": _read_bmp,
    "tiff": _read_tiff,
    "webp": _read_webp,
}
