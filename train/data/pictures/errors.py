"""Why a file gives no picture; each error knows the rule of `train.data.check` that it breaks."""

from typing import ClassVar

from train.errors import DataError


class PictureError(DataError):
    """A file that gives no picture.

    Attributes:
        finding: the rule of `train.data.check`.
    """

    finding: ClassVar[str] = "unreadable"


class UnknownPictureError(PictureError):
    """The file is of a kind that is not read."""


class LargePictureError(PictureError):
    """The picture has more pixels than can be decoded."""

    finding: ClassVar[str] = "too_large"


class DamagedPictureError(PictureError):
    """The file is no whole picture of the kind that it says it is."""


class TruncatedPictureError(DamagedPictureError):
    """A part of the picture is missing."""

    finding: ClassVar[str] = "truncated"
