"""Header and decoder agree, and pixels are what people see: every suffix by mode, orientation and property."""

import io
import struct
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from PIL import ImageDraw, ImageOps

from tests.serve.intake.crafted import chunk, paged, picture, promise
from tests.serve.memory import peak_below
from train.data import images
from train.data.decoded.header import header_of, image_size
from train.data.pictures.decoding import decode_picture
from train.data.pictures.errors import DamagedPictureError, LargePictureError, UnknownPictureError
from train.data.pictures.kinds import READABLE_SUFFIXES, SUFFIXES, sniff
from train.errors import DataError

WRITERS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    ".png": ("PNG", {}, ("1", "L", "P", "RGB", "LA", "RGBA", "I;16", "tRNS")),
    ".jpg": ("JPEG", {}, ("L", "RGB", "CMYK")),
    ".bmp": ("BMP", {}, ("1", "L", "P", "RGB", "RGBA")),
    ".tif": ("TIFF", {}, ("1", "L", "P", "RGB", "LA", "RGBA", "I;16", "CMYK", "LAB")),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}, ("L", "RGB", "RGBA", "I;16")),
    ".webp": ("WEBP", {"lossless": True}, ("RGB", "RGBA")),
    ".gif": ("GIF", {}, ("L", "P", "RGBA")),
    ".avif": ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, ("RGB", "RGBA")),
}
TURNS = (".png", ".jpg", ".tif", ".tiff", ".webp", ".avif")
"""Suffixes whose files can hold an orientation."""
PRODUCT = [
    (suffix, mode, turn)
    for suffix, (_, _, modes) in WRITERS.items()
    for mode, turn in product(modes, range(1, 9) if suffix in TURNS else (1,))
]


def word(mode: str = "RGBA") -> PIL.Image.Image:
    """A black mark, lower left on a transparent ground whose hidden colour is black too; where nothing is
    transparent, on white.
    """
    mark = PIL.Image.new("RGBA", (40, 24), (0, 0, 0, 0))
    ImageDraw.Draw(mark).rectangle((4, 12, 15, 19), fill=(0, 0, 0, 255))
    if mode in ("RGBA", "LA"):
        return mark.convert(mode)
    if mode == "tRNS":  # grey with one colour that is transparent
        grey = PIL.Image.new("L", mark.size, 7)
        ImageDraw.Draw(grey).rectangle((4, 12, 15, 19), fill=0)
        return grey
    white = PIL.Image.alpha_composite(PIL.Image.new("RGBA", mark.size, "white"), mark).convert("RGB")
    if mode == "I;16":
        return PIL.Image.fromarray(np.asarray(white.convert("L")).astype(np.uint16) * 257)
    return white.convert(mode)


def write(suffix: str, mode: str, turn: int = 1) -> bytes:
    form, options, _ = WRITERS[suffix]
    exif = PIL.Image.Exif()
    exif[0x0112] = turn
    file = io.BytesIO()
    extra = {"exif": exif} if turn > 1 else {}
    if mode == "tRNS":
        extra["transparency"] = 7
    word(mode).save(file, form, **options, **extra)
    return file.getvalue()


def seen(turn: int = 1) -> npt.NDArray[np.uint8]:
    """What people see, grey."""
    flat = word("RGB")
    exif = PIL.Image.Exif()
    exif[0x0112] = turn
    flat.info["exif"] = exif.tobytes()
    return np.asarray(ImageOps.exif_transpose(flat).convert("L"))


@pytest.mark.parametrize(("suffix", "mode", "turn"), PRODUCT)
def test_header_and_decoder_agree_and_show_what_people_see(
    suffix: str, mode: str, turn: int, tmp_path: Path
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(write(suffix, mode, turn))
    decoded = images.read(path)
    assert image_size(path) == decoded.shape[:2]
    assert decoded.shape == (*seen(turn).shape, 3)
    if (suffix, mode) == (".bmp", "RGBA"):  # Pillow writes no mask of alpha: the fourth byte means nothing
        return
    assert np.abs(decoded.astype(int).mean(axis=2) - seen(turn)).max() < 40


def test_every_suffix_is_of_a_kind_that_is_tried_here() -> None:
    assert {SUFFIXES[suffix] for suffix in WRITERS} == set(SUFFIXES.values()) - {"heic"}
    assert set(WRITERS) <= READABLE_SUFFIXES


def test_transparent_16_bits_and_keys_are_laid_on_white() -> None:
    bgra = np.zeros((24, 40, 4), np.uint16)
    bgra[12:20, 4:16, 3] = 65535
    for suffix in (".png", ".tiff"):
        data = cv2.imencode(suffix, bgra)[1].tobytes()
        assert np.array_equal(images.decode(data, "")[:, :, 0], seen())
    grey = np.where(seen() == 0, 0, 0x0700).astype(np.uint16)
    for image, key in ((grey, b"\x07\0"), (np.dstack([grey] * 3), b"\x07\0" * 3)):
        data = cv2.imencode(".png", image)[1].tobytes()
        end = data.index(b"IDAT") - 4
        keyed = data[:end] + chunk(b"tRNS", key) + data[end:]
        assert np.array_equal(images.decode(keyed, "")[:, :, 0], seen())


def test_a_palette_of_few_bits_with_a_transparent_entry() -> None:
    file = io.BytesIO()
    word("RGB").quantize(2).save(file, "PNG", bits=1)
    data = file.getvalue()
    index = np.asarray(PIL.Image.open(file))[0, 0]
    end = data.index(b"IDAT") - 4
    for entry in (index, 1 - index):  # the ground, or the mark
        keyed = data[:end] + chunk(b"tRNS", b"\xff" * int(entry) + b"\0") + data[end:]
        assert (images.decode(keyed, "")[0, 0] == 255).all()


def test_half_transparent_is_half_seen() -> None:
    bgra = np.zeros((4, 40, 4), np.uint8)
    bgra[:, :, 3] = np.arange(0, 240, 6)
    decoded = images.decode(cv2.imencode(".png", bgra)[1].tobytes(), "")
    assert np.array_equal(decoded[0, :, 1], 255 - np.arange(0, 240, 6))


def test_white_letters_on_nothing_are_laid_on_black() -> None:
    bgra = np.full((24, 40, 4), 255, np.uint8)
    bgra[:, :, 3] = 255 - seen()
    assert np.array_equal(images.decode(cv2.imencode(".png", bgra)[1].tobytes(), "")[:, :, 0], 255 - seen())


def test_a_bitmap_with_a_mask_of_alpha() -> None:
    bgra = np.zeros((24, 40, 4), np.uint8)
    bgra[:, :, 3] = 255 - seen()
    body = bgra[::-1].tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    info = struct.pack("<IiiHHIIiiII", 124, 40, 24, 1, 32, 3, len(body), 0, 0, 0, 0) + masks
    head = b"BM" + struct.pack("<IHHI", 14 + 124 + len(body), 0, 0, 14 + 124)
    data = head + info.ljust(124, b"\0") + body
    assert np.array_equal(images.decode(data, "")[:, :, 0], seen())


@pytest.mark.parametrize(
    ("form", "suffix"), [("GIF", "gif"), ("WEBP", "webp"), ("PNG", "png"), ("TIFF", "tiff")]
)
def test_of_several_pictures_the_first_is_read_and_told(form: str, suffix: str, tmp_path: Path) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(paged(form, [picture(), 255 - picture()], **options))
    decoded = images.read(path)
    assert header_of(path).several
    assert decoded.shape == (60, 80, 3)
    assert np.abs(decoded.astype(int) - picture()).mean() < 12
    path.write_bytes(paged(form, [picture()], **options))
    assert not header_of(path).several


def test_what_stands_behind_a_picture_is_left_alone() -> None:
    film = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40 + b"\xff\xda\xff\xd8" * 200
    for suffix in (".jpg", ".png", ".webp", ".bmp"):
        data = write(suffix, "RGB")
        assert np.array_equal(images.decode(data + film, ""), images.decode(data, ""))


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "tiff", "webp"])
def test_a_picture_that_claims_too_many_pixels_is_too_large(kind: str, tmp_path: Path) -> None:
    data = promise(kind, 16_000, 16_000)
    for act in (lambda: decode_picture(data), lambda: images.decode(data, "a.png")):
        with pytest.raises(LargePictureError, match="16000 x 16000"):
            act()


def test_what_opencv_cannot_do_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise cv2.error("Assertion failed")

    data = write(".png", "RGB")
    monkeypatch.setattr(cv2, "imdecode", fail)
    with pytest.raises(DamagedPictureError, match=r"a\.png"):
        images.decode(data, "a.png")


@pytest.mark.parametrize("packed", ["tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("pages", [1, 2])
def test_a_hole_in_a_packed_tiff_is_told(packed: str, pages: int) -> None:
    image = picture(300, 200)
    file = io.BytesIO()
    first = PIL.Image.fromarray(image[..., ::-1])
    first.save(file, "TIFF", compression=packed, save_all=True, append_images=[first] * (pages - 1))
    data = file.getvalue()
    assert np.array_equal(images.decode(data, ""), image)
    at = len(data) // (2 * pages)
    with pytest.raises(DamagedPictureError):
        images.decode(data[:at] + bytes(200) + data[at + 200 :], "")


def test_kinds_that_are_not_read_are_named() -> None:
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    assert (sniff(heic), sniff(b"\0\0\0\x18ftypmp42\0\0\0\0isom")) == ("heic", None)
    with pytest.raises(UnknownPictureError, match="pillow-heif"):
        images.decode(heic, "a.heic")
    for data in (b"", b"hello", b"%PDF-1.4"):
        with pytest.raises(DataError, match="a PNG, JPEG"):
            images.decode(data, "a.png")


@pytest.mark.parametrize(("bits", "form"), [(32, 1), (32, 3), (64, 3)])
def test_numbers_that_are_no_pixels_are_refused_by_the_header(bits: int, form: int) -> None:
    from tests.serve.intake.crafted import tiff

    data = tiff([{256: 8, 257: 8, 258: bits, 262: 1, 277: 1, 339: form}])
    with pytest.raises(UnknownPictureError, match=f"{bits} bits"):
        images.decode(data, "")


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt"])
def test_texts_packed_into_a_png_take_no_memory(name: bytes) -> None:
    """libpng would inflate them all and keep them: 8 gigabytes out of 8 megabytes."""
    whole = cv2.imencode(".png", picture())[1].tobytes()
    packed = zlib.compress(b"a" * 7_900_000)
    text = b"k\0\0" if name == b"zTXt" else b"k\0\1\0\0\0"
    bomb = whole[:33] + 4 * chunk(name, text + packed) + whole[33:]
    with peak_below(8):
        assert np.array_equal(decode_picture(bomb).pixels, picture())


def test_a_bmps_colours_are_where_its_masks_say() -> None:
    seen = picture()
    pixels = np.concatenate([np.zeros_like(seen[:, :, :1]), seen], axis=2)[::-1].tobytes()
    height, width = seen.shape[:2]
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    masks = struct.pack("<3I", 0xFF000000, 0xFF0000, 0xFF00)
    start = 14 + len(header) + len(masks)
    data = b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + masks + pixels
    assert np.array_equal(decode_picture(data).pixels, seen)
