"""PDF and TIFF pages: PaddleX's pixels, and no file that costs more than it may."""

import importlib
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pypdfium2
import pytest

from serve.errors import TooLargeError, UndecodableError
from serve.intake import documents
from serve.intake.documents import PdfPages
from serve.intake.pdf_worker import RefusedError, fit_scale, plan
from serve.settings import Limits
from tests.serve.intake.crafted import paged, pdf, picture
from tests.serve.intake.decoding import decode_document, render_pdf
from tests.serve.memory import peak_below

DRAW = b"0 0 1 rg 10 10 50 30 re f"


@pytest.fixture(scope="module")
def paddlex() -> Any:
    """PaddleX's own reader of requests' files; its extras, which it asks for, it does not need here."""
    deps = importlib.import_module("paddlex.utils.deps")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deps, "require_serving_plugin", lambda: None)
        yield importlib.import_module("paddlex.inference.serving.infra.utils")


@pytest.mark.parametrize(
    "boxes", [["0 0 200 100"], ["0 0 200.3 100.7", "-10 -20 33 44"], ["0 0 595 842"] * 3]
)
def test_a_pdf_gives_the_pixels_and_the_info_of_paddlex(paddlex: Any, boxes: list[str]) -> None:
    data = pdf(boxes, DRAW)
    images, info = paddlex.file_to_images(data, "PDF", max_num_imgs=10)
    document = decode_document(data, 0, Limits())
    assert document.info == info.model_dump()
    assert list(document.info) == list(info.model_dump())
    assert all(np.array_equal(a, b) for a, b in zip(document.pages, images, strict=True))
    assert all(page.flags.c_contiguous and page.min() == 0 for page in document.pages)


def test_a_pdf_of_receipts_gives_the_pixels_of_paddlex(paddlex: Any, data_dir: Path) -> None:
    files = sorted((data_dir / "receipts" / "det_images").glob("*.jpg"))[:2]
    data = paged("PDF", [cv2.imread(str(file)) for file in files])
    images, info = paddlex.file_to_images(data, "PDF", max_num_imgs=10)
    document = decode_document(data, None, Limits())
    assert document.info == info.model_dump()
    assert all(np.array_equal(a, b) for a, b in zip(document.pages, images, strict=True))


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}])
def test_a_tiff_of_pages_gives_the_pixels_and_the_info_of_paddlex(
    paddlex: Any, options: dict[str, str]
) -> None:
    data = paged("TIFF", [picture(), picture(33, 44, 1), picture(50, 20, 2)], **options)
    images, info = paddlex.file_to_images(data, "IMAGE", max_num_imgs=10)
    document = decode_document(data, 1, Limits())
    assert document.info == info.model_dump()
    assert all(np.array_equal(a, b) for a, b in zip(document.pages, images, strict=True))


@pytest.mark.parametrize("size", [(595, 842), (3000, 9000), (20_000, 50), (14_400, 14_400)])
@pytest.mark.parametrize("max_pixels", [10_000_000, 50_000_000])
def test_large_pages_shrink_as_in_paddlex(size: tuple[float, float], max_pixels: int) -> None:
    from paddlex.inference.utils.pdf_rendering import get_pdf_render_scale_within_pixel_limit as theirs

    assert fit_scale(*size, max_pixels) == theirs(size, page_index=1, max_pixels=max_pixels)


def test_a_large_page_is_rendered_smaller() -> None:
    (page,) = render_pdf(pdf(["0 0 5000 5000"], DRAW), Limits(pixels=1_000_000))
    assert 990_000 < page.shape[0] * page.shape[1] <= 1_000_000


@pytest.mark.parametrize("size", [(0, 10), (-5, 10), (float("nan"), 10), (float("inf"), 10)])
def test_a_page_without_a_size_is_refused(size: tuple[float, float]) -> None:
    with pytest.raises(RefusedError):
        fit_scale(*size, 1000)


@pytest.mark.parametrize(
    ("boxes", "limits"),
    [
        (["0 0 10 10"] * 4, Limits(pages=3)),
        (["0 0 1000000 1000000"], Limits()),
        (["0 0 99999 9", "0 0 2000000000 2000000000"], Limits()),
    ],
)
def test_too_much_is_refused_with_413_before_rendering(boxes: list[str], limits: Limits) -> None:
    with peak_below(mib=8), pytest.raises(TooLargeError) as caught:
        decode_document(pdf(boxes), 0, limits)
    assert caught.value.http_status == 413


def test_the_worker_renders_nothing_of_what_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pypdfium2.PdfPage, "render", None)
    document = pypdfium2.PdfDocument(pdf(["0 0 10 10"] * 4))
    for bounds in ((3, 10**6), (4, 0)):
        with pytest.raises(RefusedError):
            plan(document, *bounds)
    assert [size for _, size in plan(document, 4, 400)] == [(20, 20)] * 4


def test_pages_are_rendered_as_they_are_asked_for() -> None:
    """However many there are, one is held: 300 pages of 3 MB."""
    data = pdf(["0 0 500 500"] * 300)
    with peak_below(mib=60), PdfPages(data, Limits(pages=300)) as pages:
        for width, height in pages.open()[:40]:
            assert pages.render().shape == (height, width, 3)


def test_as_many_pages_as_the_limit_are_rendered() -> None:
    assert len(render_pdf(pdf(["0 0 10 10"] * 3), Limits(pages=3))) == 3


def test_a_page_count_that_lies_is_refused_or_corrected() -> None:
    with pytest.raises((TooLargeError, UndecodableError)):
        render_pdf(pdf(["0 0 10 10"], count=60_000), Limits())


@pytest.mark.parametrize("data", [b"%PDF-1.7", b"%PDF-1.7\n" + bytes(1000), pdf(["0 0 9 9"])[:120], pdf([])])
def test_a_broken_pdf_is_refused_with_422(data: bytes) -> None:
    with pytest.raises(UndecodableError) as caught:
        decode_document(data, 0, Limits())
    assert caught.value.http_status == 422


def test_a_picture_that_takes_too_much_memory_costs_the_worker_only() -> None:
    side = 2**15 - 1
    body = zlib.compress(bytes(2**26), 9)
    head = f"<</Type/XObject/Subtype/Image/Width {side}/Height {side}/BitsPerComponent 8/ColorSpace/DeviceRGB"
    image = f"{head}/Filter/FlateDecode/Length {len(body)}>>stream\n".encode() + body + b"\nendstream"
    data = pdf(["0 0 100 100"], b"100 0 0 100 0 0 cm /X Do", image)
    with peak_below(mib=16), suppress(UndecodableError):  # pdfium may leave the picture out
        assert len(render_pdf(data, Limits())) == 1


def test_a_pdf_that_takes_too_long_is_ended() -> None:
    content = zlib.decompress(zlib.compress(b"0 0 100 100 re W n " * 10 + b"0 0 99 99 re f " * 2_000_000))
    with pytest.raises(UndecodableError, match="bounded time"):
        render_pdf(pdf(["0 0 2000 2000"], content), Limits(), timeout_s=1)


def test_a_worker_that_ends_by_a_signal_is_a_refusal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    killed = tmp_path / "worker.py"
    killed.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(documents, "_WORKER", killed)
    with pytest.raises(UndecodableError, match="-11"):
        render_pdf(pdf(["0 0 9 9"]), Limits())
