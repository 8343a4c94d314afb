"""Regions as `x1,y1,x2,y2,x3,y3,x4,y4,text`, in one list or in one file an image.

One list is `path<TAB>x1,...,y4,text`, a line a region or several regions with tabs between. One file an image, of the
image's name, is how SROIE (ICDAR 2019) and RCTW (ICDAR 2017) come.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from train.data.folders.beside import Neighbours, files_ending
from train.data.folders.image_paths import locate
from train.data.formats import FORMATS, ROOT, Format, by_split, images_in
from train.data.formats.region_lists import (
    corner_region,
    find_lists,
    first_line,
    is_corners,
    lines_of,
    named_line,
    note_lost,
    plain_texts,
    skipped_fields,
)
from train.data.photos.regions import Region, label_of
from train.data.sample import Sample
from train.errors import DataError, UsageError


@FORMATS.register("corners_list")
class CornersList(Format):
    """A list, or a folder of images with a `.txt` beside each; option `skip`: fields between corners and text."""

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {"skip": "0", **ROOT}

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the lists by split, else the folders whose images have files of corners."""
        return find_lists(root, _is_list) or by_split(root, _has_files)

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image: in the list's order, or by name."""
        skip = skipped_fields(options.get("skip", "0"))
        root = options.get("root", "")
        if path.is_file():
            return _of_list(path, skip, root)
        if root:
            raise UsageError(
                "--root goes with a list", f"{path}, whose images lie beside their labels", "leave it out"
            )
        return _of_folder(path.absolute(), skip)


def _of_list(path: Path, skip: int, root: str) -> Iterator[Sample]:
    regions: dict[str, list[Region]] = {}
    sources: dict[str, str] = {}
    for line, source in lines_of(path):
        name, label = named_line(line, source)
        found = [corner_region(part, source, skip) for part in label.split("\t") if part]
        regions.setdefault(name, []).extend(found)
        sources.setdefault(name, source)
    paths = locate(path, list(regions), root)
    for name, found in zip(regions, plain_texts(path, list(regions.values()), skip), strict=True):
        yield Sample(paths[name], label_of(found), sources[name])


def _of_folder(folder: Path, skip: int) -> Iterator[Sample]:
    images, beside = images_in(folder), Neighbours(folder)
    files = [_labels(image, beside) for image in images]
    photos = [_regions(labels, skip) for labels in files]
    used = {*files}
    lost = [path for path in files_ending(folder, ".txt") if path not in used]
    note_lost(folder, [path for path in lost if is_corners(first_line(path))])
    for image, labels, regions in zip(images, files, plain_texts(folder, photos, skip), strict=True):
        yield Sample(image, label_of(regions), f"{labels}:1")


def _regions(labels: Path, skip: int) -> list[Region]:
    return [corner_region(line, source, skip) for line, source in lines_of(labels)]


def _labels(image: Path, beside: Neighbours) -> Path:
    labels = beside.find(image, f"{image.stem}.txt")
    if labels is None:
        raise DataError(
            "every image must have a .txt of its name",
            image,
            "label it, add an empty file if it has no text, or move it elsewhere",
        )
    return labels


def _is_list(line: str) -> bool:
    return is_corners(line.partition("\t")[2].partition("\t")[0])


def _has_files(folder: Path) -> bool:
    beside = Neighbours(folder)
    files = (beside.find(image, f"{image.stem}.txt") for image in images_in(folder))
    return any(is_corners(first_line(path)) for path in files if path)
