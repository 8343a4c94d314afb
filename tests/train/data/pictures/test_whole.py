"""A JPEG that lacks a part is told from one that is whole, whatever its end says."""

import io
import tracemalloc
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

from train.data.pictures.decoding import decode_picture
from train.data.pictures.errors import TruncatedPictureError
from train.data.pictures.whole import require_whole

WAYS: list[dict[str, Any]] = [
    {},
    {"subsampling": 0},
    {"subsampling": 2, "optimize": True},
    {"restart_marker_rows": 1},
    {"restart_marker_blocks": 5},
    {"progressive": True},
]
END = b"\xff\xd9"


def page(colours: int) -> np.ndarray[Any, Any]:
    """Some lines of text on white, which ends white."""
    image = np.full((200, 300, colours), 250, np.uint8)
    for row in range(4):
        cv2.putText(image, "Total 123.45", (5, 35 + 38 * row), 0, 1, (20, 40, 60), 2)
    return image.squeeze()


def jpeg(image: np.ndarray[Any, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, "JPEG", quality=85, **options)
    return file.getvalue()


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("colours", [1, 3])
def test_a_cut_is_told_whatever_the_end(way: dict[str, Any], colours: int) -> None:
    data = jpeg(page(colours), **way)
    for whole in (data, data + b"\0\0\0\x18ftypmp42 film", data[:-2] + bytes(40) + END):
        decode_picture(whole)
        require_whole(whole)
    for share in (0.3, 0.5, 0.7) if "progressive" in way else (0.3, 0.5, 0.7, 0.9, 0.98):
        cut = data[: int(len(data) * share)]
        with pytest.raises(TruncatedPictureError):
            decode_picture(cut)
        decode_picture(cut + END)
        with pytest.raises(TruncatedPictureError):
            require_whole(cut + END)


def test_holes_are_mostly_told() -> None:
    """Not always: libjpeg itself sees none where as many blocks are left."""
    told = 0
    data = jpeg(page(3))
    for step in range(20):
        at = len(data) * (20 + 3 * step) // 100
        try:
            require_whole(data[:at] + bytes(400) + data[at + 400 :])
        except TruncatedPictureError:
            told += 1
    assert told > 10


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (64, 8), (8, 600)])
@pytest.mark.parametrize("value", [0, 255])
def test_small_and_flat_pictures_are_whole(size: tuple[int, int], value: int) -> None:
    for way in WAYS:
        require_whole(jpeg(np.full((*size, 3), value, np.uint8), **way))
        require_whole(jpeg(np.full(size, value, np.uint8), **way))
    file = io.BytesIO()
    PIL.Image.new("CMYK", size).save(file, "JPEG")
    require_whole(file.getvalue())


def test_restart_marks_without_end_take_no_memory() -> None:
    crafted = jpeg(page(1))[:-2] + b"ab\xff\xd0" * 200_000 + END
    tracemalloc.start()
    try:
        with pytest.raises(TruncatedPictureError):
            require_whole(crafted)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(crafted)
    finally:
        tracemalloc.stop()
