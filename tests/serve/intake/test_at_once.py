"""Which pictures the event loop may decode itself: one that takes a decoder long would keep all others waiting."""

import struct
import zlib

import cv2
import pytest

from serve.intake.at_once import decodes_at_once
from serve.reading.services import _open_at_once
from serve.settings import Limits
from tests.serve.intake.crafted import chunk, paged, picture, pillow

PNG, JPEG = pillow(), pillow(form="JPEG")
HEAD, REST = PNG[:33], PNG[33:]
PACKED = zlib.compress(bytes(100_000))
SCAN_LINES = b"".join(b"\0" + row.tobytes() for row in picture())


def count_bytes(data: bytes) -> str:
    return f"{len(data)} bytes"


def encoded(suffix: str, *options: int) -> bytes:
    return cv2.imencode(suffix, picture(), options)[1].tobytes()


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def after_start(*segments: bytes) -> bytes:
    return JPEG[:2] + b"".join(segments) + JPEG[2:]


@pytest.mark.parametrize(
    "data",
    [
        *(pillow(mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
        *(pillow(mode, "JPEG") for mode in ("L", "RGB", "CMYK")),
        HEAD + chunk(b"tEXt", b"Title\0a line") + REST,
    ],
    ids=count_bytes,
)
def test_what_encoders_write_for_a_small_line_needs_no_thread(data: bytes) -> None:
    assert decodes_at_once([data] * 4)
    assert not decodes_at_once([data] * 5)
    assert _open_at_once([data], Limits(), "as_is") is not None


@pytest.mark.parametrize(
    "data",
    [
        HEAD + chunk(b"zTXt", b"a\0\0" + PACKED) + REST,
        HEAD + chunk(b"iTXt", b"a\0\1\0\0\0" + PACKED) + REST,
        HEAD + chunk(b"iCCP", b"a\0\0" + PACKED) + REST,
        HEAD + chunk(b"IDAT", zlib.compress(SCAN_LINES + bytes(10**6))) + chunk(b"IEND", b""),
        HEAD + chunk(b"tEXt", b"") * 100 + REST,
        HEAD + chunk(b"IDAT", b"no deflated data") + chunk(b"IEND", b""),
        PNG[:28] + b"\1" + PNG[29:],
        pillow("I;16"),
        pillow(image=picture(1000, 4)),
        paged("PNG", [picture(), picture(seed=1)]),
        PNG[:20],
        PNG[:-30],
    ],
    ids=count_bytes,
)
def test_a_png_that_may_take_long_is_decoded_in_a_thread(data: bytes) -> None:
    assert not decodes_at_once([data])


@pytest.mark.parametrize(
    "data",
    [
        pillow(form="JPEG", progressive=True),
        encoded(".jpg", cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
        after_start(segment(0xFE, b"") * 100),
        after_start(segment(0xE1, b"Exif\0\0" + bytes(40_000))),
        after_start(segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(40_000))),
        pillow(form="JPEG", image=picture(1000, 4)),
        JPEG[:20],
        JPEG[:-30],
    ],
    ids=count_bytes,
)
def test_a_jpeg_that_may_take_long_is_decoded_in_a_thread(data: bytes) -> None:
    assert not decodes_at_once([data])


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "BMP", "AVIF"])
def test_other_kinds_and_large_pictures_are_decoded_in_a_thread(form: str) -> None:
    assert not decodes_at_once([pillow(form=form)])
    assert _open_at_once([pillow(image=picture(300, 200))], Limits(), "as_is") is None
