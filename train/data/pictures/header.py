"""What a header says of a picture."""

from typing import NamedTuple

from train.data.pictures.errors import DamagedPictureError, LargePictureError
from train.data.pictures.exif import TURNED
from train.data.pictures.kinds import Kind

MAX_SIDE_PX = 2**20  # OpenCV's own bound
MAX_PIXELS = 178_956_970  # Pillow's own bound: half a gigabyte when decoded


class Header(NamedTuple):
    """A picture before it is decoded.

    Attributes:
        width: in pixels, as stored.
        height: the same.
        orientation: EXIF's, 1 to 8.
        alpha: parts of it may be transparent.
        plain: OpenCV reads it right as it is.
        several: other frames or pages follow.
        bits: of a sample.
        key: of a PNG, what its tRNS chunk holds.
    """

    kind: Kind
    width: int
    height: int
    orientation: int = 1
    alpha: bool = False
    plain: bool = True
    several: bool = False
    bits: int = 8
    key: bytes = b""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels of the decoded picture, orientation applied."""
        turned = self.orientation in TURNED
        return (self.width, self.height) if turned else (self.height, self.width)


def check_header(header: Header) -> Header:
    """Return a header; raise PictureError if its picture has no pixels or too many."""
    width, height = header.width, header.height
    if min(width, height) < 1:
        raise make_damage_error(header.kind, f"{width} x {height} pixels")
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        rule = f"an image must have at most {MAX_PIXELS} pixels, and {MAX_SIDE_PX} a side"
        raise LargePictureError(rule, f"{width} x {height}", "scale it down")
    return header


def make_damage_error(kind: str, value: str) -> DamagedPictureError:
    """Return the error of a file that is not what it says it is."""
    return DamagedPictureError(
        f"a {kind.upper()} file must be whole and valid", value, "save or send it anew"
    )
