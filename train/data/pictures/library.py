"""Pictures that Pillow reads: kinds that OpenCV lacks, and what it reads wrongly."""

import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import PIL.Image

from train.data.pictures.errors import PictureError, UnknownPictureError
from train.data.pictures.exif import ORIENTATION, Pixels, normalise_orientation
from train.data.pictures.header import Header, make_damage_error
from train.data.pictures.kinds import Kind
from train.data.pictures.tiff import PHOTOMETRIC, PLANES, SAMPLES, WHITE_IS_0

warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # headers are checked before

Result = TypeVar("Result")
_INSTALL = {"heic": "pillow-heif", "avif": "Pillow with AVIF"}


def read_boxes(data: bytes, kind: Kind) -> Header:
    """Return the header of an AVIF or HEIC file; raise PictureError where nothing installed reads it."""
    if kind == "heic":
        _require_heif()

    def read(image: PIL.Image.Image) -> Header:
        orientation = normalise_orientation(image.getexif().get(ORIENTATION, 1))
        alpha = image.mode in ("RGBA", "LA")
        several = getattr(image, "n_frames", 1) > 1
        return Header(kind, image.width, image.height, orientation, alpha, plain=False, several=several)

    return _opened(data, kind, read)


def _require_heif() -> None:
    """Make Pillow read HEIC, or say what it takes."""
    try:
        from pillow_heif import register_heif_opener  # type: ignore[import-not-found]
    except ImportError as error:
        raise UnknownPictureError(
            "a HEIC picture needs the package pillow-heif",
            "an installation without it",
            "pip install pillow-heif, or save the picture as JPEG or PNG",
        ) from error
    register_heif_opener()


def read_library(data: bytes, header: Header, page: int = 0) -> Pixels:
    """Decode a picture with Pillow.

    Args:
        data: the file.
        header: of the page.
        page: its number.

    Returns:
        (H, W, 3) or, where it may be transparent, (H, W, 4) uint8 BGR; a TIFF's orientation applied.
    """

    def read(image: PIL.Image.Image) -> Pixels:
        if page:
            image.seek(page)
        _require_right(image, header.bits)
        if image.mode.startswith("I;16"):
            return _upper_bits(image, header.bits)
        pixels = np.asarray(image.convert("RGBA" if _transparent(image) else "RGB"))
        order = [2, 1, 0, 3][: pixels.shape[2]]
        return np.ascontiguousarray(pixels[:, :, order])

    return _opened(data, header.kind, read)


def _transparent(image: PIL.Image.Image) -> bool:
    return image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info


def _upper_bits(image: PIL.Image.Image, bits: int) -> Pixels:
    grey = (np.asarray(image, np.uint16) >> max(bits - 8, 0)).astype(np.uint8)
    if _tags_of(image).get(PHOTOMETRIC) == WHITE_IS_0:
        grey = 255 - grey
    return np.repeat(grey[:, :, None], 3, axis=2)


def _tags_of(image: PIL.Image.Image) -> Mapping[int, Any]:
    """Return a TIFF's tags; none of another kind."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    return tags


def _require_right(image: PIL.Image.Image, bits: int) -> None:
    """Refuse a TIFF in planes, one for each sample of a pixel, where Pillow takes them for something else."""
    tags = _tags_of(image)
    samples, raw = tags.get(SAMPLES, 1), image.info.get("compression") == "raw"
    if tags.get(PLANES, 1) != 1 and (samples == 2 or (raw and (samples == 1 or bits > 8))):
        raise UnknownPictureError(
            "the samples of a TIFF's pixel must stand together",
            f"{samples} planes of {bits} bits",
            "save it anew",
        )


def _opened(data: bytes, kind: Kind, read: Callable[[PIL.Image.Image], Result]) -> Result:
    """Return what `read` makes of an image that Pillow has opened as this kind; raise PictureError."""
    forms = ["BMP", "DIB"] if kind == "bmp" else ["HEIF"] if kind == "heic" else [kind.upper()]
    try:
        with PIL.Image.open(io.BytesIO(data), formats=forms) as image:
            return read(image)
    except PictureError:
        raise
    except PIL.UnidentifiedImageError as error:
        remedy = f"install {_INSTALL[kind]}, or save it anew" if kind in _INSTALL else "save it anew"
        raise UnknownPictureError(
            f"a {kind.upper()} must be one that is read here", "another", remedy
        ) from error
    except Exception as error:  # Pillow raises a dozen types at broken files; each is refused all the same
        raise make_damage_error(kind, f"{type(error).__name__} when it is decoded") from error
