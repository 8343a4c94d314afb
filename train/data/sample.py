"""One labelled line image, as the readers yield it."""

from dataclasses import dataclass
from pathlib import Path

from train.data.texts.forms import is_unicode
from train.errors import DataError

UNTOLD, BY_FOLDER = "?", "/"


@dataclass(frozen=True)
class Sample:
    """A label and where its image lies.

    Attributes:
        path: absolute path of the image file.
        text: the transcription, as labelled; in its normal form (`train.data.texts.forms`) once a file is read.
        source: `file:line` of the label, for error messages.
        split: the split that its file tells, where a file holds several; else empty. A reader gives `UNTOLD` where its
            file tells that of others alone, and `BY_FOLDER` behind a split that gives way to the one of the file: the
            folder of the image tells it, or a column that is only guessed to.
        written: what stands in the file, where that is another form of the same text; else None.
        document: what it was cut out of or is a page of, as its reader tells it; else empty.
        size: height and width in pixels that the image had when it was labelled, as its file tells; else None.
        unlabelled: whether there is no label of the image, whose text is empty then; an empty one may be meant.
    """

    path: Path
    text: str
    source: str
    split: str = ""
    written: str | None = None
    document: str = ""
    size: tuple[int, int] | None = None
    unlabelled: bool = False


def is_resized(sample: Sample, size: tuple[int, int]) -> bool:
    """Whether an image of height and width `size` had another size when it was labelled; turned counts as the same."""
    return sample.size is not None and sorted(sample.size) != sorted(size)


def is_turned(sample: Sample, size: tuple[int, int]) -> bool:
    """Whether an image of height and width `size` was labelled as it lies in its file: EXIF says how it is held."""
    return sample.size is not None and sample.size != size == sample.size[::-1]


def require_labelled(sample: Sample) -> None:
    """Raise DataError for an image without a label."""
    if sample.unlabelled:
        raise DataError(
            "every image must have a label",
            f"{sample.path} with none ({sample.source})",
            "label it, or move it elsewhere; python -m train.data.check finds all",
        )


def require_unicode(sample: Sample) -> None:
    """Raise DataError for a label with half of a character: a file name that is no UTF-8 gives such."""
    if not is_unicode(sample.text):
        raise DataError(
            "a label must be Unicode",
            f"{sample.text!a} in {sample.source!a}",
            "rename the file, or write its text into a list; python -m train.data.check finds all",
        )
