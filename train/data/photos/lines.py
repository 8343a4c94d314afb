"""The texts of labelled photos as lines to train a reader on, cut out as serving cuts what a detector finds."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from train.cut import PADDLEOCR, Cut
from train.data.decoded.header import image_size
from train.data.folders.notes import note
from train.data.folders.unpacked import unpack
from train.data.geometry.crops import crop
from train.data.images import Image, read
from train.data.photos.regions import UNREAD, Region, has_further_field, label_of, regions_of
from train.data.sample import Sample, is_resized, is_turned
from train.errors import DataError

VERSION = "crops 1"
"""Of what is cut: change it with the pixels that `train.data.geometry.crops` makes of a region."""
NAME_LENGTH = 40
NO_REGION = label_of([])


class PhotoLine(NamedTuple):
    """A text of a photo: its crop's file, where it is labelled (`Label.txt:3#2`: the second region), what is cut."""

    name: str
    text: str
    source: str
    corners: npt.ArrayLike


def note_unlabelled(source: Path, given: Mapping[str, Sequence[Sample]]) -> None:
    """Say of which splits no photo has a region, as of the test sets of contests."""
    for split, photos in given.items():
        if len(photos) > 1 and all(photo.text == NO_REGION for photo in photos):
            note(f"{source}: no photo of {split} has a region; if they are not labelled, leave them out")


def lines_of(photos: Sequence[Sample]) -> list[Sample]:
    """Return a sample for every text of photos: its crop, which is cut now or was by an earlier run.

    Ignored regions, those without a text, and those that lie mostly outside of their photo make none. A photo that
    cannot be read, or was resized, stands for its texts, so that the check finds it.
    """
    lines = [labelled_lines(number, photo) for number, photo in enumerate(photos)]
    require_texts(lines)
    samples, folder = write_lines(photos, lines)
    count = sum(sample.path.parent == folder for sample in samples)
    unused = sum(len(regions_of(photo.text)) for photo in photos) - count
    rest = f"; {unused} regions are none: ignored, without text, or outside of their photo" if unused else ""
    if turned := sum(map(_is_turned, photos)):
        note(
            f"photos whose label file tells their height for their width: {turned}; python -m train.data.check --task "
            "detection shows whether their regions lie on the texts"
        )
    note(f"{count} lines are cut out of {len(photos)} photos, into {folder}{rest}")
    return samples


def require_texts(lines: Sequence[Sequence[PhotoLine]]) -> None:
    """Raise DataError where the texts of photos all begin with a field that is no part of them."""
    every = [line for of_photo in lines for line in of_photo]
    if has_further_field([line.text for line in every]):
        raise DataError(
            "a text must be what the photo shows",
            f"{every[0].source}: all begin as {every[0].text[:40]!r}",
            "add --option skip=1",
        )


def labelled_lines(number: int, photo: Sample) -> list[PhotoLine]:
    """Return the texts of the photo of that number; what of a region lies outside of the photo is cut off later."""
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in photo.path.stem)[:NAME_LENGTH]
    return [
        PhotoLine(
            f"{number:05}_{plain}_crop_{position}.png",
            region.text,
            f"{photo.source}#{position + 1}",
            region.points,
        )
        for position, region in enumerate(regions_of(photo.text, photo.source))
        if is_line(region)
    ]


def is_line(region: Region) -> bool:
    """Tell whether a region has a text to learn."""
    return region.text not in UNREAD and not region.ignored and len(region.points) > 2


def write_lines(
    photos: Sequence[Sample], lines: Sequence[Sequence[PhotoLine]], how: Cut = PADDLEOCR
) -> tuple[list[Sample], Path]:
    """Return a sample for every line that can be cut out of its photo, and the folder of their crops."""
    outlines = [[line.corners for line in of_photo] for of_photo in lines]
    pairs = list(zip(photos, lines, strict=True))
    sizes = [photo.size for photo in photos if photo.size]
    key = f"{VERSION} {outlines}{sizes or ''}" if how == PADDLEOCR else f"{VERSION} {how!r} {outlines}"
    folder = unpack((photo.path for photo in photos), key, lambda: _crops(pairs, how))
    cut = {path.name for path in folder.iterdir()}
    samples: list[Sample] = []
    for photo, of_photo in pairs:
        kept = [line for line in of_photo if line.name in cut]
        document = photo.document or photo.path.as_posix()
        samples += [Sample(folder / line.name, line.text, line.source, document=document) for line in kept]
        if of_photo and not kept and not _is_usable(photo):
            samples.append(Sample(photo.path, of_photo[0].text, photo.source, size=photo.size))
    return samples, folder


def _crops(photos: Sequence[tuple[Sample, Sequence[PhotoLine]]], how: Cut) -> Iterator[tuple[str, bytes]]:
    for photo, lines in photos:
        try:
            image = read(photo.path)
        except DataError:
            continue
        if is_resized(photo, image.shape[:2]):
            continue
        for line in lines:
            cropped = _crop(image, line.corners, how)
            if cropped.size:
                yield line.name, cv2.imencode(".png", cropped)[1].tobytes()


def _crop(image: Image, outline: npt.ArrayLike, how: Cut) -> Image:
    """Cut what of an outline lies in (H, W, 3) uint8 BGR; (0, 0, 3) of one that lies outside for the most part.

    Such a photo was often resized after it was labelled.
    """
    height, width = image.shape[:2]
    corners = np.rint(outline)
    inside = np.clip(corners, 0, (width, height))
    if 2 * np.ptp(inside, axis=0).prod() < np.ptp(corners, axis=0).prod():
        return np.zeros((0, 0, 3), np.uint8)
    return crop(image, inside.astype(np.int32), how)


def _is_turned(photo: Sample) -> bool:
    try:
        return photo.size is not None and is_turned(photo, image_size(photo.path))
    except (DataError, FileNotFoundError):
        return False


def _is_usable(photo: Sample) -> bool:
    try:
        return not is_resized(photo, read(photo.path).shape[:2])
    except DataError:
        return False
