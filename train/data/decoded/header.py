"""An image's header, read from its file: cheap enough to look at every file before a search."""

import mmap
import os
from pathlib import Path

from train.data.images import require_file
from train.data.pictures.errors import PictureError
from train.data.pictures.header import Header
from train.data.pictures.headers import read_header


def header_of(path: Path) -> Header:
    """Return an image's header; `size` of it is what `images.decode` gives.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: it cannot be read, or has no header of an image; PictureError says which rule it breaks.
    """
    try:
        require_file(path)
        with path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:  # nothing, which cannot be mapped
                return read_header(b"")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return read_header(data)  # type: ignore[arg-type]
    except FileNotFoundError:
        raise
    except PictureError as error:
        raise type(error)(error.rule, f"{path}: {error.value}", error.remedy) from error
    except (OSError, ValueError) as error:  # a path with a zero byte
        why = error.strerror if isinstance(error, OSError) else error
        raise PictureError(
            "an image file must be readable", f"{path}: {why}", "restore it or remove its label"
        ) from error


def image_size(path: Path) -> tuple[int, int]:
    """Return (height, width) in pixels as `images.decode` gives them; raises as `header_of`."""
    return header_of(path).size
