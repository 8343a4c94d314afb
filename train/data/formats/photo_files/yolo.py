"""YOLO's boxes: `class x y width height` as shares of the photo, a line a box; what is written there is not known."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml

from train.data.folders.beside import Neighbours, files_ending
from train.data.folders.image_paths import ANY_SUFFIX
from train.data.folders.path_forms import alike
from train.data.folders.split_names import NAMES
from train.data.formats import FORMATS, Format, by_split, images_in
from train.data.formats.region_lists import first_line, lines_of
from train.data.formats.shapes import rectangle, rounded, size_to_share
from train.data.photos.regions import Region, as_region, label_of
from train.data.sample import Sample
from train.errors import DataError

IMAGES, LABELS = "images", "labels"
SETTINGS = ("data.yaml", "dataset.yaml")
BOX = 5
KITTI = (14, 15)
"""So many numbers stand behind a class there: how much is seen, an angle, the sides of the box, the place in space."""
SLACK = 0.01
"""Labellers round: a share may lie this far outside of 0 to 1."""


@FORMATS.register("yolo")
class Yolo(Format):
    """`images` and `labels` side by side, over or under the folders of splits, or as `data.yaml` says; or one folder.

    An image without a file of boxes has none, as YOLO has it.
    """

    task = "detection"
    options: ClassVar[Mapping[str, str]] = {}
    turn = 1

    @staticmethod
    def find(root: Path) -> dict[str, Path]:
        """Return the folders of images by split."""
        if root.is_file():
            return _named(root) if root.name in SETTINGS else {}
        for settings in (root / name for name in SETTINGS):
            if settings.is_file() and (files := _named(settings)):
                return files
        folders = by_split(root / IMAGES, _is_ours) or by_split(root, _is_ours)
        outer = by_split(root, lambda folder: _is_ours(folder / IMAGES))
        return folders or {split: folder / IMAGES for split, folder in outer.items()}

    @staticmethod
    def read(path: Path, options: Mapping[str, str]) -> Iterator[Sample]:
        """Yield one sample an image, by name; then those of boxes whose image is missing."""
        folder = path.absolute()
        labels = _labels_folder(folder)
        images, beside = images_in(folder), Neighbours(folder, labels)
        for image in images:
            name = f"{image.stem}.txt"
            file = beside.find(image, name)
            regions = list(_regions(file, image)) if file else []
            yield Sample(image, label_of(regions), f"{file or labels / name}:1")
        for file in _lost(labels, {alike(image.stem) for image in images}):
            missing = folder / f"{file.stem}{ANY_SUFFIX}"
            yield Sample(missing, label_of(_regions(file, missing)), f"{file}:1")


def is_box(line: str) -> bool:
    """Whether a line is a class and the shares of a box or of an outline."""
    fields = line.split()
    return (
        _is_outline(len(fields))
        and fields[0].isdecimal()
        and all(_share(field) is not None for field in fields[1:])
    )


def is_box_of_tool(line: str) -> bool:
    """Whether a line is the name of a class and a box that lies in the photo, in shares, or all that KITTI tells."""
    fields = line.split()[1:]
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        return False
    if len(fields) == BOX - 1 and all("." in field for field in fields):
        x, y, width, height = numbers
        sides = (x - width / 2, x + width / 2, y - height / 2, y + height / 2)
        return all(-SLACK <= side <= 1 + SLACK for side in sides)
    if len(fields) not in KITTI or not all("." in field for field in fields[3:7]):
        return False
    truncated, occluded, _, left, top, right, bottom = numbers[:7]
    return -1 <= truncated <= 1 and occluded in (-1, 0, 1, 2, 3) and left < right and top < bottom


def _is_outline(fields: int) -> bool:
    return fields == BOX or (fields > BOX + 1 and fields % 2 == 1)


def _share(field: str) -> float | None:
    try:
        value = float(field)
    except ValueError:
        return None
    return value if -SLACK <= value <= 1 + SLACK else None


def _labels_folder(images: Path) -> Path:
    """Return the folder of boxes: the last `images` of the path is `labels` there; else the folder itself."""
    parts = list(images.parts)
    if IMAGES in parts:
        parts[len(parts) - 1 - parts[::-1].index(IMAGES)] = LABELS
        if (labels := Path(*parts)).is_dir():
            return labels
    return images


def _is_ours(folder: Path) -> bool:
    beside = Neighbours(folder, _labels_folder(folder.absolute()))
    files = (beside.find(image, f"{image.stem}.txt") for image in images_in(folder))
    return any(is_box(first_line(file)) for file in files if file)


def _named(settings: Path) -> dict[str, Path]:
    """Return the folders that `data.yaml` names for the splits and that are there."""
    try:
        content: Any = yaml.safe_load(settings.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    if not isinstance(content, dict):
        return {}
    bases = [settings.parent / str(content.get("path") or "."), settings.parent]
    files: dict[str, Path] = {}
    for split in NAMES:
        name = next((content[key] for key in NAMES[split] if key in content), None)
        if isinstance(name, str):
            # the export of Roboflow names ../train/images, a folder too high
            tries = [base / place for base in bases for place in (name, name.removeprefix("../"))]
            found = next((place for place in tries if os.path.isdir(place) and _is_ours(place)), None)
            files |= {split: found} if found else {}
    return files


def _lost(labels: Path, stems: set[str]) -> list[Path]:
    """Return the files of boxes whose image is not there."""
    return [
        file
        for file in files_ending(labels, ".txt")
        if alike(file.stem) not in stems and is_box(first_line(file))
    ]


def _regions(file: Path, image: Path) -> Iterator[Region]:
    lines = list(lines_of(file))
    height, width = size_to_share(image) if lines else (0, 0)
    for line, source in lines:
        if not is_box(line):
            raise DataError(
                "a box must be `class x y width height`, shares of the photo between 0 and 1",
                f"{source}: {line[:80]!r}",
                "mend that line",
            )
        shares = [float(field) for field in line.split()[1:]]
        numbers = [share * (height if i % 2 else width) for i, share in enumerate(shares)]
        if len(shares) == BOX - 1:
            x, y, across, down = numbers
            numbers = rectangle(x - across / 2, y - down / 2, across, down)
        yield as_region(rounded(numbers), "")
