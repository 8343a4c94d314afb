"""All pages of a file at once, as tests compare them."""

from typing import NamedTuple

from serve.intake.documents import PDF_SECONDS, PdfPages
from serve.intake.guard import Pictures, describe_pages, is_pdf, open_images, open_picture
from serve.settings import Limits
from train.data.images import Image


class Document(NamedTuple):
    pages: list[Image]
    info: dict[str, object]
    warnings: tuple[str, ...] = ()


def decode_document(data: bytes, file_type: int | None, limits: Limits) -> Document:
    if is_pdf(data, file_type):
        pages, kind, warnings = render_pdf(data, limits), "pdf", ()
    else:
        pictures = open_picture(data, limits)
        pages, kind = _decode_all(pictures), pictures.kind
        warnings = pictures.warnings[0] if kind == "image" else ()
    info = describe_pages([(page.shape[1], page.shape[0]) for page in pages], kind)
    return Document(pages, info, warnings)


def line_warnings(data: bytes) -> tuple[str, ...]:
    return open_images([data], Limits()).warnings[0]


def render_pdf(data: bytes, limits: Limits, timeout_s: int = PDF_SECONDS) -> list[Image]:
    with PdfPages(data, limits, timeout_s) as pages:
        return [pages.render() for _ in pages.open()]


def decode_images(files: list[bytes], limits: Limits) -> list[Image]:
    return _decode_all(open_images(files, limits))


def decode_image(data: bytes, limits: Limits) -> Image:
    return open_images([data], limits).decode(0)


def _decode_all(pictures: Pictures) -> list[Image]:
    return [pictures.decode(index) for index in range(len(pictures.headers))]
