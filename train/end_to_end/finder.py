"""A detector that finds the lines of photos for a reader: in photos as serving has them, each decoded once."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from train.bundle import ONNX
from train.data import images
from train.data.dataset import Dataset
from train.data.decoded.header import image_size
from train.data.geometry.detection import Quads
from train.data.sample import Sample
from train.errors import DataError
from train.trained.readers import Read, detector, read


class ModelFinder:
    """A detection bundle, or a pretrained detector by its name."""

    def __init__(self, name: str, engine: str | None = None) -> None:
        """Take the model; raise CheckpointError or UsageError if it is no detector.

        Args:
            name: of either.
            engine: that runs a pretrained one; None for the usual one.
        """
        self.name = name
        self._model = detector(name, engine)

    @property
    def may_know_photos(self) -> bool:
        """Whether it may have been trained on these photos: a bundle may, a published model was not."""
        return self._model.bundle is not None

    @cached_property
    def key(self) -> str:
        """Key of its boxes in a cache: another detector, or other thresholds, have another one."""
        model = self._model
        weights = model.bundle.manifest.files.get(ONNX, "") if model.bundle else model.config.model
        return f"{weights} {model.config.detection!r}"

    def find(self, photos: Sequence[Sample]) -> list[Quads]:
        """Return the (N, 4, 2) corners of the boxes in each photo; none in one that is unreadable."""
        nothing = np.zeros((0, 4, 2), np.int32)
        boxes = [nothing for _ in photos]
        places = [place for place, photo in enumerate(photos) if _is_image(photo.path)]
        data = _SomeReadable([photos[place] for place in places])
        for index, one in enumerate(read(self._model, data)[1] if places else ()):
            boxes[places[index]] = nothing if index in data.lost else one.quads
        return boxes


def find_boxes(model: Read, photos: Sequence[Sample], threads: int | None = None) -> list[Quads]:
    """Return the boxes that a detector finds in each photo, in its pixels; `threads` as `read` takes them."""
    return [one.quads for one in read(model, PhotoFiles(photos), threads)[1]] if photos else []


class PhotoFiles(Dataset):
    """Photos that stay on the disk, whole: each is decoded when it is asked for."""

    def __init__(self, photos: Sequence[Sample]) -> None:
        """Take the photos, whose headers are read now."""
        self.sizes = np.array([image_size(photo.path) for photo in photos], np.int32).reshape(-1, 2)
        self.heights, self.widths = self.sizes[:, 0], self.sizes[:, 1]
        self.texts = tuple(photo.text for photo in photos)
        self.sources = tuple(str(photo.path) for photo in photos)

    def image(self, index: int) -> images.Image:
        """Return photo `index`, (H, W, 3) uint8 BGR; raise DataError if it cannot be read."""
        return images.read(Path(self.sources[index]))


class _SomeReadable(PhotoFiles):
    """Photos of which some may not be readable, whatever their headers say: they are black.

    Attributes:
        lost: those of them that were asked for.
    """

    def __init__(self, photos: Sequence[Sample]) -> None:
        super().__init__(photos)
        self.lost: set[int] = set()

    def image(self, index: int) -> images.Image:
        """Return photo `index`, or a black one of its size."""
        try:
            return super().image(index)
        except DataError:
            self.lost.add(index)
            return np.zeros((*self.sizes[index].tolist(), 3), np.uint8)


def keep_readable(photos: Sequence[Sample]) -> tuple[Sample, ...]:
    """Return the photos that can be read whole: each is decoded, none is kept."""
    return tuple(photo for photo in photos if _is_readable(photo.path))


def _is_readable(path: Path) -> bool:
    try:
        images.read(path)
    except DataError:
        return False
    return True


def _is_image(path: Path) -> bool:
    try:
        image_size(path)
    except (DataError, FileNotFoundError):
        return False
    return True
