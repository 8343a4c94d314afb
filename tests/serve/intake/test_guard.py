"""Images of requests: what is read, as which pixels; what is refused, with which status, before any decoding."""

from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from serve.errors import RequestError, TooLargeError, UndecodableError, UnsupportedError
from serve.inference.recogniser import show_lines
from serve.intake import guard
from serve.intake.guard import require_lines
from serve.settings import Limits
from tests.serve.intake.crafted import paged, picture, pillow, png_bomb, promise
from tests.serve.intake.decoding import decode_document, decode_image, decode_images, line_warnings
from tests.serve.memory import peak_below
from train.data.images import Image

LIMITS = Limits(pixels=10_000, pages=3, decoded_bytes=60_000, lines=4)
IMAGES = ["png", "jpeg", "bmp", "tiff", "webp"]


def as_opencv(data: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that decodes."""

    def decode(*args: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", decode)
    monkeypatch.setattr(guard, "decode_page", decode)


def test_a_pdf_may_have_something_before_its_mark() -> None:
    for lines, refused in ((100, UndecodableError), (2000, UnsupportedError)):
        with pytest.raises(refused):
            decode_document(b"\n" * lines + b"%PDF-1.4", None, LIMITS)


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        *(("RGB", form) for form in ("PNG", "JPEG", "BMP", "TIFF", "WEBP")),
        *(("L", form) for form in ("PNG", "JPEG", "BMP", "TIFF")),
        *(("P", form) for form in ("PNG", "BMP", "TIFF")),
        *(("1", form) for form in ("PNG", "BMP", "TIFF")),
        *(("RGBA", form) for form in ("PNG", "BMP", "TIFF", "WEBP")),
        *(
            ("LA", "PNG"),
            ("I;16", "PNG"),
            ("I;16", "TIFF"),
            ("CMYK", "JPEG"),
            ("CMYK", "TIFF"),
            ("LAB", "TIFF"),
        ),
    ],
)
def test_every_kind_of_pixels_becomes_bgr_as_in_opencv(mode: str, form: str) -> None:
    data = pillow(mode, form)
    document = decode_document(data, 1, LIMITS)
    assert document.pages[0].shape == (60, 80, 3)
    assert document.pages[0].dtype == np.uint8
    assert np.array_equal(document.pages[0], as_opencv(data))
    assert document.info == {"width": 80, "height": 60, "type": "image"}


def test_16_bits_keep_their_upper_8() -> None:
    ramp = np.tile(np.arange(0, 65536, 256, dtype=np.uint16), (16, 1))
    data = cv2.imencode(".png", ramp)[1].tobytes()
    assert np.array_equal(decode_image(data, LIMITS)[0, :, 0], np.arange(256))


def test_what_is_transparent_is_white_and_cmyk_is_near_its_rgb() -> None:
    image = picture()
    alpha = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    alpha[:20, :, 3] = 0
    laid = decode_image(cv2.imencode(".png", alpha)[1].tobytes(), LIMITS)
    assert np.array_equal(laid[20:], image[20:])
    assert (laid[:20] == 255).all()
    assert np.abs(decode_image(pillow("CMYK", "JPEG"), LIMITS).astype(int) - image).mean() < 4


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF"])
def test_the_orientation_of_exif_is_applied(form: str) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # turn right
    document = decode_document(pillow(form=form, exif=exif), 1, LIMITS)
    turned = cv2.rotate(picture(), cv2.ROTATE_90_CLOCKWISE)
    assert document.info == {"width": 60, "height": 80, "type": "image"}
    assert np.abs(document.pages[0].astype(int) - turned).mean() < 4


def test_progressive_interlaced_and_top_down_files_are_read() -> None:
    upside = bytearray(pillow(form="BMP"))
    upside[22:26] = (-60).to_bytes(4, "little", signed=True)
    assert np.array_equal(decode_image(bytes(upside), LIMITS), picture()[::-1])
    assert decode_image(pillow(form="JPEG", progressive=True), LIMITS).shape == (60, 80, 3)
    assert decode_image(pillow(form="TIFF", compression="tiff_adobe_deflate"), LIMITS).shape == (60, 80, 3)


def test_an_animated_png_gives_its_first_picture() -> None:
    data = paged("PNG", [picture(), 255 - picture()])
    assert np.array_equal(decode_image(data, LIMITS), picture())


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_picture_is_read_and_a_warning_says_so(form: str) -> None:
    data = paged(form, [picture(), 255 - picture()])
    document = decode_document(data, 1, LIMITS)
    assert np.abs(document.pages[0].astype(int) - picture()).mean() < 12
    assert document.warnings == line_warnings(data)
    assert "only the first" in document.warnings[0]
    assert decode_document(pillow(), 1, LIMITS).warnings == ()


def test_a_tiff_of_pages_is_no_line() -> None:
    with pytest.raises(UndecodableError, match="one picture"):
        decode_image(paged("TIFF", [picture(), picture()]), LIMITS)


def test_a_damaged_jpeg_is_refused_and_one_with_a_film_behind_it_is_read() -> None:
    data = pillow(form="JPEG")
    assert decode_image(data + bytes(range(256)) * 40 + b"\xff\xda" * 99, LIMITS).shape == (60, 80, 3)
    with pytest.raises(UndecodableError, match="whole picture") as caught:
        decode_document(data[: len(data) * 3 // 4] + b"\xff\xd9", 1, LIMITS)
    assert caught.value.http_status == 422


@pytest.mark.parametrize(
    "data", [b"\0", b"hello, world", b"PK\3\4" + bytes(60), b"\0\0\1\0\1\0", b"#?RADIANCE\n"]
)
def test_other_types_are_refused_with_415(data: bytes) -> None:
    for decode in (lambda: decode_image(data, LIMITS), lambda: decode_document(data, None, LIMITS)):
        with pytest.raises(UnsupportedError) as caught:
            decode()
        assert caught.value.http_status == 415


def test_a_pdf_is_no_line_and_an_empty_file_is_nothing() -> None:
    with pytest.raises(UnsupportedError):
        decode_image(pillow(form="PDF"), LIMITS)
    with pytest.raises(UndecodableError):
        decode_image(b"", LIMITS)


@pytest.mark.parametrize(("form", "file_type"), [("PNG", 0), ("PDF", 1)])
def test_a_wrong_file_type_is_refused_with_422(form: str, file_type: int) -> None:
    with pytest.raises(UndecodableError, match="fileType") as caught:
        decode_document(pillow(form=form), file_type, LIMITS)
    assert caught.value.http_status == 422


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.97])
def test_a_file_cut_short_is_refused_with_422(kind: str, share: float) -> None:
    data = pillow(form=kind.upper())
    with pytest.raises(RequestError) as caught:
        decode_image(data[: max(9, int(len(data) * share))], LIMITS)
    assert caught.value.http_status in ((422, 415) if share == 0.01 else (422,))


@pytest.mark.usefixtures("no_decoder")
@pytest.mark.parametrize("kind", IMAGES)
def test_too_many_pixels_are_refused_by_the_header_with_413(kind: str) -> None:
    data = promise(kind, 16_000, 16_000)
    assert len(data) < 20_000
    for decode in (lambda: decode_image(data, LIMITS), lambda: decode_document(data, 1, LIMITS)):
        with pytest.raises(TooLargeError) as caught:
            decode()
        assert caught.value.http_status == 413


@pytest.mark.parametrize("kind", IMAGES)
def test_the_limit_itself_is_allowed(kind: str) -> None:
    data = pillow(form=kind.upper(), image=picture(100, 100))
    assert decode_image(data, Limits(pixels=10_000)).shape == (100, 100, 3)
    with pytest.raises(TooLargeError):
        decode_image(data, Limits(pixels=9_999))


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "webp"])  # libjpeg fills in what is missing
def test_a_header_that_promises_other_pixels_than_the_file_has_is_refused(kind: str) -> None:
    with pytest.raises(RequestError):
        decode_image(promise(kind, 90, 70), LIMITS)


@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "tiff"])
@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0), (0, 0)])
def test_a_picture_without_pixels_is_refused(kind: str, width: int, height: int) -> None:
    with pytest.raises(UndecodableError):
        decode_image(promise(kind, width, height), LIMITS)


def test_the_pictures_of_a_request_are_added_up() -> None:
    four = [pillow(image=picture(100, 50, seed)) for seed in range(4)]
    assert len(decode_images(four, Limits(decoded_bytes=60_000))) == 4
    with pytest.raises(TooLargeError, match="59999"):
        decode_images(four, Limits(decoded_bytes=59_999))
    with pytest.raises(TooLargeError, match="at most 3 images"):
        decode_images(four, Limits(lines=3))
    assert decode_images([], LIMITS) == []


def test_one_bad_picture_refuses_the_request() -> None:
    with pytest.raises(UnsupportedError):
        decode_images([pillow(), b"bad bad bad"], LIMITS)


def test_bombs_take_no_memory() -> None:
    bombs = [png_bomb(30_000, 30_000), *(promise(kind, 16_000, 16_000) for kind in IMAGES)]
    assert max(map(len, bombs)) < 2**18
    for bomb in bombs:
        with peak_below(mib=8), pytest.raises(TooLargeError):
            decode_document(bomb, 1, Limits())


def test_the_peak_is_measured() -> None:
    with pytest.raises(AssertionError, match="MiB"), peak_below(mib=8):
        decode_document(png_bomb(4_000, 4_000), 1, Limits())


@pytest.mark.parametrize("folder", ["receipts/det_images", "vin", "scene_words"])
def test_real_photographs_are_what_opencv_reads(data_dir: Path, folder: str) -> None:
    files = sorted(
        p for p in (data_dir / folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")
    )[::20]
    assert len(files) > 2
    for file in files:
        assert np.array_equal(decode_image(file.read_bytes(), Limits()), as_opencv(file.read_bytes())), file


@pytest.mark.parametrize("upright", ["as_is", "turn"])
def test_an_image_is_too_long_where_its_model_cannot_be_shown_it(upright: str) -> None:
    for height, width in ((3000, 10), (2000, 10), (10, 2000), (10, 2010), (15, 10)):
        image = np.zeros((height, width, 3), np.uint8)
        if show_lines([image], upright, 160)[0] is None:
            with pytest.raises(UndecodableError, match=f"got {width}x{height} px as image 1"):
                require_lines([image], upright)
        else:
            require_lines([image], upright)
