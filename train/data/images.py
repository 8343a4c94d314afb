"""Pixels of a text line, the same for training and serving: numpy, OpenCV and Pillow only."""

import base64
import errno
import math
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from train.data.pictures.decoding import decode_picture
from train.data.pictures.errors import PictureError
from train.errors import DataError

Image = npt.NDArray[np.uint8]

HEIGHT_PX = 48
STEP_PX = 8  # of an output step of PP-OCR's recognisers
BUCKET_PX = 32
MIN_WIDTH_PX = 160  # the pretrained models misread a narrow line without room behind it (docs/bundle.md)
MAX_ASPECT = 200
"""Width by height of the longest line, some 500 characters. A longer one is refused; PaddleX squeezes it from 67 on."""
MAX_WIDTH_PX = MAX_ASPECT * HEIGHT_PX
JPEG_QUALITY = 85

cv2.setNumThreads(1)  # callers parallelise over images; OpenCV's own pool fights theirs


def decode(data: bytes, source: str) -> Image:
    """Decode an image file's bytes into (H, W, 3) uint8 BGR (`train.data.pictures`); raise DataError if it is none."""
    try:
        return decode_picture(data).pixels
    except PictureError as error:
        raise type(error)(
            error.rule, f"{source}: {error.value}" if source else error.value, error.remedy
        ) from error


def read(path: Path) -> Image:
    """Read a file into (H, W, 3) uint8 BGR; raise DataError if it is missing or unreadable."""
    try:
        require_file(path)
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # a path with a zero byte
        why = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            "an image file must be readable", path, f"{why}: restore it or remove its label"
        ) from error
    return decode(data, str(path))


def require_file(path: Path) -> None:
    """Raise OSError for what is no file: opening a pipe would wait for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))


def data_uri(image: Image, kind: Literal["png", "jpeg"]) -> str:
    """Return (H, W, 3) uint8 BGR inside a URI, for a page that loads nothing; a PNG loses nothing, a JPEG is small."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if kind == "jpeg" else []
    data = cv2.imencode(f".{kind}", image, settings)[1].tobytes()
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def line_width(height_px: int, width_px: int, padded_px: int = MIN_WIDTH_PX) -> int:
    """Width in pixels of a line resized to HEIGHT_PX with its own aspect ratio.

    Rounded as PaddleOCR does, so that it sees the very same pixels: up where the line is padded to
    `padded_px`, down where it is longer.
    """
    exact = HEIGHT_PX * (width_px / height_px)
    return max(1, min(math.ceil(exact), max(int(exact), padded_px)))


def too_long(height_px: int, width_px: int) -> bool:
    """Return whether an image is too long for a line: squeezed, it could not be read."""
    return width_px > MAX_ASPECT * height_px


def resize_line(image: Image, padded_px: int = MIN_WIDTH_PX) -> Image:
    """Resize (H, W, 3) to (HEIGHT_PX, line_width, 3) uint8 by its own shape only; raise DataError if it is too long."""
    height, width = image.shape[:2]
    if too_long(height, width):
        raise DataError(
            f"a line must be at most {MAX_ASPECT} times as wide as it is high",
            f"{width}x{height} px",
            "cut it in two, or leave it out",
        )
    return np.asarray(cv2.resize(image, (line_width(height, width, padded_px), HEIGHT_PX)), dtype=np.uint8)


def bucket_width(width_px: int) -> int:
    """Padded width of a line `width_px` wide: the next multiple of BUCKET_PX, at least MIN_WIDTH_PX."""
    return max(MIN_WIDTH_PX, -(-width_px // BUCKET_PX) * BUCKET_PX)


def to_width(line: Image, width_px: int) -> npt.NDArray[np.float32]:
    """Normalise a line, pad it to its bucket and resample that to (3, HEIGHT_PX, width_px) float32.

    The same as the network's own resampling of a padded batch (bilinear, half-pixel centres), a line at a time.
    """
    padded = to_batch([line], bucket_width(line.shape[1]))[0].transpose(1, 2, 0)
    resampled = cv2.resize(padded, (width_px, HEIGHT_PX), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resampled.transpose(2, 0, 1), dtype=np.float32)


def to_batch(lines: Sequence[Image], width_px: int) -> npt.NDArray[np.float32]:
    """Normalise and pad resized lines.

    Args:
        lines: (HEIGHT_PX, w, 3) uint8 BGR each, w <= width_px.
        width_px: padded width, a bucket.

    Returns:
        (N, 3, HEIGHT_PX, width_px) float32 in [-1, 1]; the padding is 0, as PaddleOCR's.
    """
    batch = np.zeros((len(lines), 3, HEIGHT_PX, width_px), np.float32)
    for row, line in zip(batch, lines, strict=True):
        row[:, :, : line.shape[1]] = line.transpose(2, 0, 1)
        row[:, :, : line.shape[1]] -= 127.5
    batch /= 127.5
    return batch


def pad_to_bucket(batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Pad (N, 3, HEIGHT_PX, W) with zeros to the next multiple of BUCKET_PX, as an exported graph does itself."""
    return np.pad(batch, ((0, 0), (0, 0), (0, 0), (0, -batch.shape[3] % BUCKET_PX)))
