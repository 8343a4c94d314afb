"""One labelled line image, as the readers yield it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """A label and where its image lies.

    Attributes:
        path: absolute path of the image file.
        text: the transcription, as labelled (never normalised by a reader).
        source: `file:line` of the label, for error messages.
        split: the split that its file tells, where a file holds several; else empty.
    """

    path: Path
    text: str
    source: str
    split: str = ""
