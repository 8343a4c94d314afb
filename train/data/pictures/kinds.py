"""What kinds of image files are read, and by which suffixes and first bytes they are known."""

from collections.abc import Mapping
from typing import Literal

Kind = Literal["png", "jpeg", "bmp", "tiff", "webp", "gif", "avif", "heic"]

SUFFIXES: Mapping[str, Kind] = {
    ".png": "png",
    ".apng": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".mpo": "jpeg",
    ".bmp": "bmp",
    ".dib": "bmp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".webp": "webp",
    ".gif": "gif",
    ".avif": "avif",
    ".heic": "heic",
    ".heif": "heic",
    ".hif": "heic",
}
"""Lower-case suffixes of the files that are read; a file is known by its bytes, so a wrong one does no harm."""
READABLE_SUFFIXES = frozenset(SUFFIXES)
READABLE = "a PNG, JPEG, BMP, TIFF, WebP, GIF, AVIF or HEIC"

_MAGIC: tuple[tuple[bytes, Kind], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"BM", "bmp"),
    (b"II\x2a\x00", "tiff"),
    (b"MM\x00\x2a", "tiff"),
    (b"II\x2b\x00", "tiff"),
    (b"MM\x00\x2b", "tiff"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_SUFFIX_OF = {
    b"\x89PNG": ".png",
    b"\xff\xd8": ".jpg",
    b"BM": ".bmp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
    b"RIFF": ".webp",
}
"""The suffix of an image that has none, in a container."""
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS, which git lfs pull replaces by the file"),
    (b"/annex/objects", "a pointer of git-annex, which git annex get replaces by the file"),
    (b"<!doctype html", "a web page, as a download that failed leaves it"),
    (b"<html", "a web page, as a download that failed leaves it"),
    (b"<?xml", "XML, perhaps an error of a download, or SVG"),
    (b"<svg", "SVG"),
    (b"%pdf", "a PDF"),
    (b"pk\3\4", "a ZIP archive"),
    (b"\0\0\0\x0cjp  ", "JPEG 2000"),
    (b"\xffo\xffq", "JPEG 2000"),
    (b"8bps", "a Photoshop file"),
    (b"p5", "PGM"),
    (b"p6", "PPM"),
)
"""How other files begin, in lower case, and what these are."""
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_MOST_BRANDS_BYTES = 256


def describe_other(data: bytes) -> str:
    """Return what a file is that is no image that is read, as far as its first bytes tell."""
    start = bytes(data[:32]).lower()
    told = next((name for magic, name in _OTHERS if start.startswith(magic)), "")
    return told or (f"bytes {data[:8].hex(' ')} ..." if len(data) else "0 bytes")


def image_name(number: int, content: bytes) -> str:
    """Return a file name for the image with this number in a container; names sort as numbers do."""
    suffix = next((suffix for magic, suffix in _SUFFIX_OF.items() if content.startswith(magic)), ".png")
    return f"{number:09d}{suffix}"


def sniff(data: bytes) -> Kind | None:
    """Return the kind of an image file by its first bytes, never by a name; None if it is none that is known."""
    start = data[:16]
    for magic, kind in _MAGIC:
        if start.startswith(magic):
            return kind
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "webp"
    return _sniff_brands(data) if start[4:8] == b"ftyp" else None


def _sniff_brands(data: bytes) -> Kind | None:
    """Return the kind of a file of boxes; a film, which begins in the same way, is none."""
    end = min(int.from_bytes(data[:4], "big"), _MOST_BRANDS_BYTES)
    brands = {bytes(data[at : at + 4]) for at in range(8, end, 4)}
    if brands & _AVIF_BRANDS:
        return "avif"
    return "heic" if brands & _HEIC_BRANDS else None
