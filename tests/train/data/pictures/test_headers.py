"""Headers by hand: odd but valid files, and crafted ones that must not take time."""

import struct
import time

import cv2
import pytest

from tests.serve.intake.crafted import paged, picture, pillow, tiff
from train.data.pictures.errors import (
    DamagedPictureError,
    LargePictureError,
    PictureError,
    UnknownPictureError,
)
from train.data.pictures.headers import read_header, read_pages
from train.data.pictures.jpeg import MAX_SCANS, read_scans, segments

PAGE = {256: 80, 257: 60, 258: 8, 277: 3}


def read_sizes(data: bytes, most: int = 1) -> list[tuple[int, int]]:
    return [(header.width, header.height) for header in read_pages(data, most)]


@pytest.mark.parametrize(
    "options", [{}, {"lossless": True}, {"exif": b"Exif\0\0" + b"II*\0\x08\0\0\0\0\0\0\0\0\0"}]
)
def test_all_three_kinds_of_webp(options: dict[str, object]) -> None:
    assert read_sizes(pillow(form="WEBP", **options), 1) == [(80, 60)]


def test_the_old_os2_header_of_a_bmp() -> None:
    data = b"BM" + struct.pack("<IHHI", 26 + 240 * 60, 0, 0, 26) + struct.pack("<IHHHH", 12, 80, 60, 1, 24)
    assert read_sizes(data, 1) == [(80, 60)]
    assert cv2.imdecode(_array(data + bytes(240 * 60)), cv2.IMREAD_COLOR).shape == (60, 80, 3)


def _array(data: bytes) -> object:
    import numpy as np

    return np.frombuffer(data, np.uint8)


def test_a_jpeg_with_a_thumbnail_fill_bytes_and_something_behind_it() -> None:
    thumbnail = pillow(form="JPEG", image=picture(16, 12))
    segment = b"\xff\xff\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    whole = pillow(form="JPEG")
    data = whole[:2] + segment + whole[2:] + b"trailing bytes"
    assert read_sizes(data, 1) == [(80, 60)]
    assert cv2.imdecode(_array(data), cv2.IMREAD_COLOR).shape == (60, 80, 3)


def test_a_jpeg_whose_only_end_is_its_thumbnails_is_cut_short() -> None:
    thumbnail = pillow(form="JPEG", image=picture(16, 12))
    whole = pillow(form="JPEG")
    data = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + whole[2:-2]
    with pytest.raises(DamagedPictureError, match="cut short"):
        read_scans(data, list(segments(data))[-1])


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    data = pillow(form="JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert read_sizes(data, 1) == [(80, 60)]
    many = data[:-2] + scan * MAX_SCANS + data[-2:]
    with pytest.raises(UnknownPictureError, match="scans"):
        read_scans(many, list(segments(many))[-1])


@pytest.mark.parametrize(
    "filler", [b"\xff", b"\xff\0", b"\xff\xd0", b"\xff\xe0\0\2", b"\0", b"\xff\xc0\0\x11\x08" + bytes(14)]
)
def test_a_jpeg_full_of_nothing_takes_no_time(filler: bytes) -> None:
    data = b"\xff\xd8\xff" + filler * (2**24 // len(filler))
    start = time.process_time()
    with pytest.raises(DamagedPictureError):
        read_sizes(data, 1)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_pages_of_a_tiff_in_either_byte_order(order: str) -> None:
    pages = [PAGE, PAGE | {256: 70}]
    assert read_sizes(tiff(pages, order), 2) == [(80, 60), (70, 60)]
    with pytest.raises(LargePictureError, match="at most 1 pages"):
        read_sizes(tiff(pages, order), 1)


def test_a_tiff_that_bites_its_tail_ends() -> None:
    assert read_sizes(tiff([PAGE, PAGE], last=8), 9) == [(80, 60)] * 2


def test_a_tiff_of_a_million_pages_is_left_at_the_first_too_many() -> None:
    start = time.process_time()
    with pytest.raises(LargePictureError):
        read_sizes(tiff([{256: 1, 257: 1}] * 2000) + bytes(2**24), 10)
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("tags", "error"),
    [
        ({322: 2**15, 323: 2**15}, DamagedPictureError),  # a tile of a gigabyte for a small page
        ({258: 64, 277: 3}, UnknownPictureError),
        ({277: 65535}, UnknownPictureError),
        ({256: 2**31}, LargePictureError),
        ({256: 0}, DamagedPictureError),
    ],
)
def test_crafted_pages_of_a_tiff_are_refused(tags: dict[int, int], error: type[PictureError]) -> None:
    with pytest.raises(error):
        read_sizes(tiff([PAGE | tags]), 1)


def test_a_tiff_that_says_its_width_twice_is_refused() -> None:
    data = bytearray(tiff([PAGE]))
    data[8 + 2 + 12 : 8 + 2 + 14] = struct.pack("<H", 256)
    with pytest.raises(DamagedPictureError, match="256"):
        read_sizes(bytes(data), 1)


@pytest.mark.parametrize("at", [0, 4, 10**6, 2**32 - 1])
def test_a_tiff_whose_directory_is_elsewhere_is_refused(at: int) -> None:
    with pytest.raises(DamagedPictureError):
        read_sizes(b"II*\0" + struct.pack("<I", at) + bytes(4), 1)


def test_what_pillow_and_opencv_write_is_read() -> None:
    assert read_sizes(paged("TIFF", [picture(), picture(33, 44)], compression="tiff_lzw"), 9) == [
        (80, 60),
        (33, 44),
    ]
    assert read_sizes(cv2.imencode(".tif", picture())[1].tobytes(), 9) == [(80, 60)]


def test_parts_without_end_are_left_at_the_first_too_many() -> None:
    gif = b"GIF89a" + bytes(7) + b"\x21\xfe" + b"\x01a" * (2**20 + 1) + b"\0;"
    with pytest.raises(DamagedPictureError, match="blocks"):
        read_sizes(gif)
    bigtiff = b"II\x2b\0\x08\0\0\0" + struct.pack("<QQ", 16, 5000) + bytes(20 * 5000 + 8)
    with pytest.raises(DamagedPictureError, match="tags"):
        read_sizes(bigtiff)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE HTML><html>", "a web page"),
        (b"%PDF-1.7", "a PDF"),
        (b"none", "bytes 6e 6f"),
        (b"", "0 bytes"),
    ],
)
def test_what_is_no_picture_is_named(content: bytes, told: str) -> None:
    with pytest.raises(UnknownPictureError, match=told):
        read_sizes(content)


def test_an_old_bmp_with_red_first_is_not_plain() -> None:
    header = struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 32, 3, 4, 0, 0, 0, 0)
    masks = struct.pack("<3I", 0xFF, 0xFF00, 0xFF0000)
    assert not read_header(b"BM" + struct.pack("<IHHI", 70, 0, 0, 66) + header + masks + bytes(4)).plain
