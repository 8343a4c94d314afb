"""Whatever bytes come: pixels within the limits, or a refusal with its status; never another exception."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.errors import TooLargeError, UndecodableError, UnsupportedError
from serve.intake.at_once import decodes_at_once
from serve.settings import Limits
from tests.serve.intake.crafted import paged, pdf, picture, pillow
from tests.serve.intake.decoding import decode_document, decode_image
from tests.serve.memory import peak_below

LIMITS = Limits(pixels=100_000, pages=3, decoded_bytes=400_000)
MARKS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"RIFF\0\0\0\0WEBP",
    b"GIF89a",
]
WHOLE = [
    *(pillow(form=form) for form in ("PNG", "JPEG", "BMP", "TIFF", "WEBP")),
    *(pillow(mode, "PNG") for mode in ("P", "1", "I;16", "RGBA")),
    *(pillow("CMYK", "JPEG"), pillow("P", "BMP"), pillow(form="JPEG", progressive=True)),
    *(
        pillow(form="TIFF", compression=name)
        for name in ("tiff_lzw", "jpeg", "packbits", "tiff_adobe_deflate")
    ),
    *(pillow("RGBA", "WEBP", lossless=True), pillow("1", "TIFF", compression="group4")),
    paged("TIFF", [picture(), picture(33, 44)]),
    paged("TIFF", [picture(), picture(33, 44)], compression="tiff_lzw"),
]
PDFS = [pdf(["0 0 90 60", "0 0 50 50"], b"1 0 0 rg 5 5 20 20 re f"), paged("PDF", [picture()])]


@pytest.fixture(scope="module", autouse=True)
def _bounded_memory() -> Iterator[None]:
    with peak_below(mib=64):
        yield


@st.composite
def mutated(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """A whole file with some bytes changed, cut out, put in or doubled; more often near its start."""
    data = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 6))):
        last = draw(st.sampled_from([40, 200, len(data)]))
        at = draw(st.integers(0, min(last, len(data))))
        size = draw(st.sampled_from([0, 1, 1, 2, 4, 64]))
        new = draw(
            st.sampled_from([b"\0", b"\xff", b"\x80", b"\xff" * 4, b"\0\0\0\x40"]) | st.binary(max_size=8)
        )
        data[at : at + size] = new if draw(st.booleans()) else data[at : at + 2 * size]
    end = draw(st.sampled_from([len(data), len(data) // 2, len(data) - 1]))
    return bytes(data[:end])


def check(data: bytes, file_type: int | None = None) -> None:
    """Decode as a page and as a line; assert what may come out."""
    decodes_at_once([data])
    for decode in (
        lambda: decode_document(data, file_type, LIMITS).pages,
        lambda: [decode_image(data, LIMITS)],
    ):
        with suppress(TooLargeError, UnsupportedError, UndecodableError):
            pages = decode()
            assert 1 <= len(pages) <= LIMITS.pages
            assert all(page.ndim == 3 and page.shape[2] == 3 and page.dtype == np.uint8 for page in pages)
            assert all(0 < page.shape[0] * page.shape[1] <= LIMITS.pixels for page in pages)
            assert sum(page.size for page in pages) <= LIMITS.decoded_bytes


@given(st.sampled_from(MARKS), st.binary(max_size=300), st.sampled_from([None, 1]))
def test_random_bytes_are_read_or_refused(mark: bytes, rest: bytes, file_type: int | None) -> None:
    check(mark + rest, file_type)


@given(st.sampled_from(WHOLE), st.floats(0, 1))
def test_truncated_files_are_read_or_refused(data: bytes, share: float) -> None:
    check(data[: int(len(data) * share)], 1)


@settings(max_examples=400)
@given(mutated(WHOLE))
def test_mutated_files_are_read_or_refused(data: bytes) -> None:
    check(data)


@settings(max_examples=25)
@given(mutated(PDFS) | st.binary(max_size=300).map(lambda rest: b"%PDF-1.4\n" + rest))
def test_mutated_pdfs_are_read_or_refused(data: bytes) -> None:
    check(data, 0)
