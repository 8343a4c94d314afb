"""From the bytes of a request to pixels; what is over a limit, wrong or crafted is refused before it is decoded.

How pictures are read is written in `train.data.pictures`: the same for training and serving. Here:

- A TIFF of several pages gives all of them to `/ocr`, as in PaddleX; of another file of several frames the first
  is read, and the answer's `warnings` say so.
- PDF: `serve.intake.documents`.
- What is not whole is refused: half a text with status 200 would be believed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from serve.errors import RequestError, TooLargeError, UndecodableError, UnsupportedError
from serve.intake.documents import Size
from serve.settings import Limits
from train.data.images import MAX_ASPECT, Image, too_long
from train.data.pictures.decoding import decode_page, decode_picture
from train.data.pictures.errors import LargePictureError, PictureError, UnknownPictureError
from train.data.pictures.header import Header
from train.data.pictures.headers import read_header, read_pages
from train.data.pictures.kinds import READABLE, sniff
from train.data.pictures.whole import require_whole

_PDF_WINDOW = 1024  # bytes in which readers look for a PDF's first mark


@dataclass(frozen=True)
class Pictures:
    """The pictures of a request: their sizes, by the headers, and how one is decoded.

    Attributes:
        headers: of each.
        decode: the number of one to (H, W, 3) uint8 BGR; raises UndecodableError.
        kind: `image` for one alone, else the document's.
    """

    headers: Sequence[Header]
    decode: Callable[[int], Image]
    kind: str = "image"

    @property
    def sizes(self) -> list[Size]:
        """(width, height) of each, as stored."""
        return [(header.width, header.height) for header in self.headers]

    @property
    def decoded_bytes(self) -> int:
        """What all of them take when decoded."""
        return sum(map(count_bytes, self.sizes))

    @property
    def warnings(self) -> list[tuple[str, ...]]:
        """What a reader of the answer should know of each file."""
        return [_warnings_of(header) for header in self.headers]


def count_bytes(size: Size) -> int:
    """Return what a picture takes when decoded."""
    return 3 * size[0] * size[1]


def is_pdf(data: bytes, file_type: int | None) -> bool:
    """Say whether a file is a PDF.

    Args:
        data: the file.
        file_type: 0 for a PDF, 1 for an image, None for either.

    Raises:
        UnsupportedError, UndecodableError: it is of a type that is not read, or of another one than was said.
    """
    kind = _identify(data)
    if file_type is not None and (kind == "pdf") != (file_type == 0):
        raise UndecodableError(
            "fileType must be 0 for a PDF and 1 for an image",
            f"fileType {file_type} and a {kind.upper()}",
            "correct it or leave it out",
        )
    return kind == "pdf"


def open_picture(data: bytes, limits: Limits) -> Pictures:
    """Return the picture, or the pages of a TIFF, that `/ocr` is sent.

    Raises:
        TooLargeError, UnsupportedError, UndecodableError: see `serve.errors`.
    """
    with _refusals():
        headers = read_pages(data, limits.pages)
    for header in headers:
        _check_sizes([header], limits)
    if len(headers) == 1:
        return Pictures(headers, lambda index: _decode(data, headers[index]))
    return Pictures(headers, lambda index: _decode_page(data, headers[index], index), "tiff")


def describe_pages(sizes: Sequence[Size], kind: str) -> dict[str, Any]:
    """Return PaddleX's `dataInfo` of what was read, by the (width, height) of each page as decoded."""
    listed = [{"width": width, "height": height} for width, height in sizes]
    if kind == "image":
        return {**listed[0], "type": kind}
    return {"numPages": len(listed), "pages": listed, "type": kind}


def _warnings_of(header: Header) -> tuple[str, ...]:
    """Return what the reader of an answer should know of a picture's file."""
    if header.several:
        return (f"the {header.kind.upper()} holds several frames or pages: only the first was read",)
    return ()


def open_images(files: Sequence[bytes], limits: Limits) -> Pictures:
    """Return pictures, one a file, after the sizes of all of them were added up.

    Args:
        files: at most `limits.lines`.
        limits: of lines, of the pixels of one and of the decoded bytes of all.

    Raises:
        TooLargeError, UnsupportedError, UndecodableError: see `serve.errors`.
    """
    if len(files) > limits.lines:
        raise TooLargeError(
            f"a request must hold at most {limits.lines} images", len(files), "send them in parts"
        )
    for data in files:
        if _identify(data) == "pdf":
            raise UnsupportedError(f"an image must be {READABLE}", "a PDF", "send it to /ocr")
    with _refusals():
        headers = [_require_one(read_header(data)) for data in files]
    _check_sizes(headers, limits)
    return Pictures(headers, lambda index: _decode(files[index], headers[index]))


def require_lines(images: Sequence[Image], upright: str) -> None:
    """Raise UndecodableError for an image that is too long to be a line, also once it is turned (`Model.upright`)."""
    for number, image in enumerate(images, 1):
        height, width = image.shape[:2]
        if too_long(height, width) or (upright == "turn" and too_long(width, height)):
            raise UndecodableError(
                f"a line must be at most {MAX_ASPECT} times as wide as it is high",
                f"{width}x{height} px as image {number}",
                "cut it in two",
            )


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn the errors of pictures into those of requests, which know their HTTP status."""
    try:
        yield
    except PictureError as error:
        refused: type[RequestError] = UndecodableError
        if isinstance(error, LargePictureError):
            refused = TooLargeError
        elif isinstance(error, UnknownPictureError):
            refused = UnsupportedError
        raise refused(error.rule, error.value, error.remedy) from error


def _identify(data: bytes) -> str:
    """Return the type of a file, or refuse it."""
    if not data:
        raise UndecodableError("a file must not be empty", "0 bytes", "send its content")
    kind = sniff(data) or ("pdf" if b"%PDF-" in data[:_PDF_WINDOW] else None)
    if kind is None:
        value = f"bytes {data[:8].hex(' ')} ..."
        raise UnsupportedError(f"a file must be {READABLE}, or a PDF", value, "convert it to one of them")
    return kind


def _require_one(header: Header) -> Header:
    """Return the header of a file's only page; of frames the first is what people see."""
    if header.several and header.kind == "tiff":
        raise UndecodableError("a file must hold one picture here", "several pages", "send them one by one")
    return header


def _check_sizes(headers: Sequence[Header], limits: Limits) -> None:
    """Refuse pictures that would take too much when decoded."""
    sizes = [header.width * header.height for header in headers]
    most = max(sizes, default=0)
    if most > limits.pixels:
        raise TooLargeError(f"an image must have at most {limits.pixels} pixels", most, "scale it down")
    total = 3 * sum(sizes)
    if total > limits.decoded_bytes:
        raise TooLargeError(
            f"a request's images must take at most {limits.decoded_bytes} bytes when decoded",
            total,
            "send them in parts or scale them down",
        )


def _decode(data: bytes, header: Header) -> Image:
    """Decode one picture that is whole."""
    with _refusals():
        image = decode_picture(data, header).pixels
        if header.kind == "jpeg":
            require_whole(data)
    return image


def _decode_page(data: bytes, header: Header, page: int) -> Image:
    """Decode a page of a TIFF."""
    with _refusals():
        return decode_page(data, header, page)
