"""From the bytes of a request to pixels; what is over a limit, wrong or crafted is refused before it is decoded.

How pictures are read is written in `train.data.pictures`: the same for training and serving. Here:

- A TIFF of several pages gives all of them to `/ocr`, as in PaddleX; of another file of several frames the first
  is read, and the answer's `warnings` say so.
- PDF: `serve.intake.documents`.
- What is not whole is refused: half a text with status 200 would be believed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from serve.errors import RequestError, TooLargeError, UndecodableError, UnsupportedError
from serve.intake.documents import render_pdf
from serve.settings import Limits
from train.data.images import Image
from train.data.pictures.decoding import decode_page, decode_picture
from train.data.pictures.errors import LargePictureError, PictureError, UnknownPictureError
from train.data.pictures.header import Header
from train.data.pictures.headers import read_header, read_pages
from train.data.pictures.kinds import READABLE, sniff
from train.data.pictures.whole import require_whole

_PDF_WINDOW = 1024  # bytes in which readers look for a PDF's first mark


@dataclass(frozen=True)
class Document:
    """The pages of one request.

    Attributes:
        pages: (H, W, 3) uint8 BGR each; at least one.
        info: PaddleX's `dataInfo`.
        warnings: what a reader of the answer should know of the file.
    """

    pages: list[Image]
    info: dict[str, Any]
    warnings: tuple[str, ...] = ()


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
    with _refusals():
        headers = read_pages(data, limits.pages)
        _check_sizes(headers, limits)
        if len(headers) == 1:
            page = _decode(data, headers[0])
            info = {"width": page.shape[1], "height": page.shape[0], "type": "image"}
            return Document([page], info, _warnings_of(headers[0]))
        pages = [decode_page(data, header, page) for page, header in enumerate(headers)]
    return Document(pages, _describe_pages(pages, "tiff"))


def line_warnings(data: bytes) -> tuple[str, ...]:
    """Return the warnings for a file that `decode_images` read."""
    return _warnings_of(read_header(data))


def _warnings_of(header: Header) -> tuple[str, ...]:
    """Return what the reader of an answer should know of a picture's file."""
    if header.several:
        return (f"the {header.kind.upper()} holds several frames or pages: only the first was read",)
    return ()


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
    for data in files:
        if _identify(data) == "pdf":
            raise UnsupportedError(f"an image must be {READABLE}", "a PDF", "send it to /ocr")
    with _refusals():
        headers = [_require_one(read_header(data)) for data in files]
        _check_sizes(headers, limits)
        return [_decode(data, header) for data, header in zip(files, headers, strict=True)]


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
    image = decode_picture(data, header).pixels
    if header.kind == "jpeg":
        require_whole(data)
    return image


def _describe_pages(pages: Sequence[Image], kind: str) -> dict[str, Any]:
    """Return `dataInfo` of a document of pages."""
    listed = [{"width": page.shape[1], "height": page.shape[0]} for page in pages]
    return {"numPages": len(pages), "pages": listed, "type": kind}
