"""From the bytes of a request to pixels; what is over a limit, wrong or crafted is refused before it is decoded.

What is read, and how:

- PNG, JPEG, BMP, WebP, TIFF of one page: OpenCV's `IMREAD_COLOR`, as PaddleX's serving. So 16 bits become 8,
  alpha is dropped, grey, palette and CMYK become BGR, and EXIF's orientation is applied.
- TIFF of several pages and PDF: `serve.intake.documents`.
- An animated PNG gives its first picture. GIF and animated WebP are refused, as is what is cut short: OpenCV
  would read half a JPEG as a picture with a grey rest, and nobody would learn that text is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from serve.errors import TooLargeError, UndecodableError, UnsupportedError
from serve.intake.documents import decode_tiff, render_pdf
from serve.intake.headers import Kind, Size, read_sizes, sniff
from serve.settings import Limits
from train.data.images import Image

cv2.setLogLevel(0)  # a client must not fill the log


@dataclass(frozen=True)
class Document:
    """The pages of one request.

    Attributes:
        pages: (H, W, 3) uint8 BGR each; at least one.
        info: PaddleX's `dataInfo`.
    """

    pages: list[Image]
    info: dict[str, Any]


def decode_document(data: bytes, file_type: int | None, limits: Limits) -> Document:
    """Decode what `/ocr` is sent.

    Args:
        data: the file.
        file_type: 0 for a PDF, 1 for an image, None for either.
        limits: of pages, pixels and decoded bytes.

    Raises:
        TooLargeError, UnsupportedError, UndecodableError: see `serve.errors`.
    """
    kind = _identify(data)
    if file_type is not None and (kind == "pdf") != (file_type == 0):
        raise UndecodableError(
            "fileType must be 0 for a PDF and 1 for an image",
            f"fileType {file_type} and a {kind.upper()}",
            "correct it or leave it out",
        )
    if kind == "pdf":
        pages = render_pdf(data, limits)
        return Document(pages, _describe_pages(pages, "pdf"))
    stored = read_sizes(data, kind, limits.pages)
    _check_sizes(stored, limits)
    if len(stored) == 1:
        page = _decode(data, kind, stored[0])
        return Document([page], {"width": page.shape[1], "height": page.shape[0], "type": "image"})
    pages = decode_tiff(data, stored)
    for page, size in zip(pages, stored, strict=True):
        _check_decoded(page, size, kind)
    return Document(pages, _describe_pages(pages, "tiff"))


def decode_image(data: bytes, limits: Limits) -> Image:
    """Decode one picture into (H, W, 3) uint8 BGR; raises as `decode_images`."""
    return decode_images([data], limits)[0]


def decode_images(files: Sequence[bytes], limits: Limits) -> list[Image]:
    """Decode pictures, one a file, after the sizes of all of them were added up.

    Args:
        files: at most `limits.lines`.
        limits: of lines, of the pixels of one and of the decoded bytes of all.

    Returns:
        (H, W, 3) uint8 BGR each.

    Raises:
        TooLargeError, UnsupportedError, UndecodableError: see `serve.errors`.
    """
    if len(files) > limits.lines:
        raise TooLargeError(
            f"a request must hold at most {limits.lines} images", len(files), "send them in parts"
        )
    kinds = [_identify(data) for data in files]
    stored = [_require_one(read_sizes(data, kind, 2)) for data, kind in zip(files, kinds, strict=True)]
    _check_sizes(stored, limits)
    return [_decode(data, kind, size) for data, kind, size in zip(files, kinds, stored, strict=True)]


def _identify(data: bytes) -> Kind:
    """Return the type of a file, or refuse it."""
    if not data:
        raise UndecodableError("a file must not be empty", "0 bytes", "send its content")
    kind = sniff(data)
    if kind is None:
        raise UnsupportedError(
            "a file must be a PNG, JPEG, BMP, TIFF, WebP or PDF",
            f"bytes {data[:8].hex(' ')} ...",
            "convert it to one of them",
        )
    return kind


def _require_one(found: list[Size]) -> Size:
    """Return the size of a file's only picture."""
    if len(found) > 1:
        raise UndecodableError("a file must hold one picture here", "several pages", "send them one by one")
    return found[0]


def _check_sizes(stored: Sequence[Size], limits: Limits) -> None:
    """Refuse pictures that would take too much when decoded."""
    most = max((width * height for width, height in stored), default=0)
    if most > limits.pixels:
        raise TooLargeError(f"an image must have at most {limits.pixels} pixels", most, "scale it down")
    total = 3 * sum(width * height for width, height in stored)
    if total > limits.decoded_bytes:
        raise TooLargeError(
            f"a request's images must take at most {limits.decoded_bytes} bytes when decoded",
            total,
            "send them in parts or scale them down",
        )


def _decode(data: bytes, kind: Kind, size: Size) -> Image:
    """Decode one picture with OpenCV."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise UndecodableError(
            f"a {kind.upper()} must be whole and valid", f"{len(data)} bytes that are not", "save it anew"
        )
    return _check_decoded(np.asarray(image, dtype=np.uint8), size, kind)


def _check_decoded(image: Image, size: Size, kind: Kind) -> Image:
    """Refuse a picture that is not what its header promised: two readers saw two files in it."""
    height, width = image.shape[:2]
    if size not in ((width, height), (height, width)):  # turned by its EXIF orientation
        raise UndecodableError(
            f"a {kind.upper()} must be as large as its header says", f"{width} x {height}", "save it anew"
        )
    return image


def _describe_pages(pages: Sequence[Image], kind: str) -> dict[str, Any]:
    """Return `dataInfo` of a document of pages."""
    listed = [{"width": page.shape[1], "height": page.shape[0]} for page in pages]
    return {"numPages": len(pages), "pages": listed, "type": kind}
