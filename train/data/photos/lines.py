"""The texts of labelled photos as lines to train a reader on, cut out as serving cuts what a detector finds."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from train.data.crops import crop
from train.data.folders.notes import note
from train.data.folders.unpacked import unpacked
from train.data.images import Image, read
from train.data.photos.regions import Region, regions_of
from train.data.sample import Sample
from train.errors import DataError

VERSION = "crops 1"
"""Of what is cut: change it with the pixels that `train.data.crops` makes of a region."""
NAME_LENGTH = 40
UNREAD = "待识别"
"""The text that PPOCRLabel gives a box until it is read."""


class _Line(NamedTuple):
    """A text of a photo: its crop's file, and where it is labelled (`Label.txt:3#2`: the second region)."""

    name: str
    region: Region
    source: str


def lines_of(photos: Sequence[Sample]) -> list[Sample]:
    """Return a sample for every text of photos: its crop, which is cut now or was by an earlier run.

    Ignored regions, those without a text, and those that lie mostly outside of their photo make none. A photo that
    cannot be read stands for its texts, so that the check finds it.
    """
    lines = [list(_lines(number, photo)) for number, photo in enumerate(photos)]
    outlines = [[line.region.points for line in of_photo] for of_photo in lines]
    pairs = list(zip(photos, lines, strict=True))
    folder = unpacked((photo.path for photo in photos), f"{VERSION} {outlines}", lambda: _crops(pairs))
    cut = {path.name for path in folder.iterdir()}
    samples: list[Sample] = []
    for photo, of_photo in pairs:
        kept = [line for line in of_photo if line.name in cut]
        document = photo.document or photo.path.as_posix()
        samples += [
            Sample(folder / line.name, line.region.text, line.source, document=document) for line in kept
        ]
        if of_photo and not kept and not _is_readable(photo.path):
            samples.append(Sample(photo.path, of_photo[0].region.text, photo.source))
    unused = sum(len(regions_of(photo.text)) for photo in photos) - len(cut)
    rest = f"; {unused} regions are none: ignored, without text, or outside of their photo" if unused else ""
    note(f"{len(cut)} lines are cut out of {len(photos)} photos, into {folder}{rest}")
    return samples


def _lines(number: int, photo: Sample) -> Iterator[_Line]:
    plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in photo.path.stem)[:NAME_LENGTH]
    for position, region in enumerate(regions_of(photo.text, photo.source)):
        if region.text not in ("", UNREAD) and not region.ignored and len(region.points) > 2:
            name = f"{number:05}_{plain}_crop_{position}.png"
            yield _Line(name, region, f"{photo.source}#{position + 1}")


def _crops(photos: Sequence[tuple[Sample, Sequence[_Line]]]) -> Iterator[tuple[str, bytes]]:
    for photo, lines in photos:
        try:
            image = read(photo.path)
        except DataError:
            continue
        for line in lines:
            cropped = _crop(image, line.region)
            if cropped.size:
                yield line.name, cv2.imencode(".png", cropped)[1].tobytes()


def _crop(image: Image, region: Region) -> Image:
    """Cut what of a region lies in (H, W, 3) uint8 BGR; (0, 0, 3) of one that lies outside for the most part.

    Such a photo was often resized after it was labelled.
    """
    height, width = image.shape[:2]
    corners = np.rint(region.points)
    inside = np.clip(corners, 0, (width, height))
    if 2 * np.ptp(inside, axis=0).prod() < np.ptp(corners, axis=0).prod():
        return np.zeros((0, 0, 3), np.uint8)
    return crop(image, inside.astype(np.int32))


def _is_readable(path: Path) -> bool:
    try:
        read(path)
    except DataError:
        return False
    return True
