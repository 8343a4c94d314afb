"""Decoded images: made once per study, mapped by every trial without a copy."""

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from train.data import images
from train.data.decoded.stored import LINES, Stored
from train.data.pictures.errors import PictureError
from train.data.sample import Sample, is_resized, require_labelled, require_unicode
from train.data.texts.forms import is_unicode
from train.errors import DataError

NO_LABEL = "empty_text: no label"


class Dataset(ABC):
    """Images of one split, resized as their task keeps them (`train.data.decoded.stored`), wherever their pixels lie.

    Attributes:
        heights: (N,) int32, pixels.
        widths: (N,) int32, pixels.
        sizes: (N, 2) int32, height and width of the image files, before resizing.
        texts: N labels.
        sources: N image paths, for reports.
    """

    heights: npt.NDArray[np.int32]
    widths: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int32]
    texts: Sequence[str]
    sources: Sequence[str]

    def __len__(self) -> int:
        return len(self.widths)

    @abstractmethod
    def image(self, index: int) -> images.Image:
        """Return image `index`, (height, width, 3) uint8 BGR, not to be written to."""

    def discard(self) -> None:  # noqa: B027 - only some have a file
        """Remove what was written for this set alone: it is not going to be used."""

    def at(self, epoch: int) -> "Dataset":
        """Return the set as an epoch trains on it, counted from 1: the same images in the same order, by default."""
        return self

    def peers(self, index: int) -> range:
        """Return the images of the set that image `index` is from."""
        return range(len(self))


@dataclass(frozen=True)
class MemoryDataset(Dataset):
    """Images as a few flat arrays in memory, or in Ray's object store.

    Attributes:
        pixels: (sum of height * width * 3,) uint8, the images one behind the other, BGR.
        offsets: (N + 1,) int64, where each image starts in `pixels`.
    """

    pixels: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    heights: npt.NDArray[np.int32]
    widths: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int32]
    texts: tuple[str, ...]
    sources: tuple[str, ...]

    def image(self, index: int) -> images.Image:
        """Return image `index`, (height, width, 3) uint8 BGR: a view, not to be written to."""
        start, end = self.offsets[index], self.offsets[index + 1]
        return self.pixels[start:end].reshape(self.heights[index], self.widths[index], 3)


Decoded = tuple[images.Image, tuple[int, int]]
"""An image as it is kept, and height and width of its file."""


def decode_sample(sample: Sample, stored: Stored = LINES) -> Decoded:
    """Return a sample's image as every dataset holds it, (h, w, 3) uint8 BGR, and the size that it came in.

    Raises:
        DataError: if the image cannot be read, or had another size when it was labelled, or the label is no Unicode, or
            there is none.
    """
    require_unicode(sample)
    require_labelled(sample)
    image = images.read(sample.path)
    if is_resized(sample, image.shape[:2]):
        raise DataError(
            "a photo must have the size at which it was labelled",
            f"{sample.path}, labelled at height and width {sample.size}",
            "put that photo back",
        )
    return stored.prepare(image), (image.shape[0], image.shape[1])


def decode_samples(samples: Sequence[Sample], stored: Stored = LINES, threads: int = 2) -> MemoryDataset:
    """Read, decode and resize every sample; raise DataError at the first that cannot be read."""
    with ThreadPoolExecutor(threads) as pool:
        return gather(samples, list(pool.map(partial(decode_sample, stored=stored), samples)))


def decode_usable(
    samples: Sequence[Sample], stored: Stored = LINES, threads: int = 2
) -> tuple[MemoryDataset, dict[str, str]]:
    """Return what can be decoded, and of the other samples source -> what is wrong."""
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(partial(try_to_decode, stored=stored), samples))
    kept = [(sample, one) for sample, one in zip(samples, found, strict=True) if one is not None]
    lost = [sample for sample, one in zip(samples, found, strict=True) if one is None]
    return gather([sample for sample, _ in kept], [one for _, one in kept]), faults_of(lost)


def try_to_decode(sample: Sample, stored: Stored = LINES) -> Decoded | None:
    """Return what `decode_sample` does; None for an image that cannot be read."""
    try:
        return decode_sample(sample, stored)
    except DataError:
        return None


def faults_of(lost: Sequence[Sample]) -> dict[str, str]:
    """Return what is said of samples that cannot be used: source -> rule and value, as the check says it."""
    return {sample.source: _fault(sample) for sample in lost}


def _fault(sample: Sample) -> str:
    if not is_unicode(sample.text):
        return f"not_unicode: {sample.text!a}"
    if sample.unlabelled:
        return NO_LABEL
    try:
        if is_resized(sample, images.read(sample.path).shape[:2]):
            return f"resized: {sample.path}"
    except PictureError as error:
        return f"{error.finding}: {error.value}"
    except DataError:
        pass
    return f"{'unreadable' if os.path.exists(sample.path) else 'missing_file'}: {sample.path}"


def gather(samples: Sequence[Sample], decoded: Sequence[Decoded]) -> MemoryDataset:
    """Return the decoded images of these samples as flat arrays."""
    shapes = np.array([image.shape[:2] for image, _ in decoded], np.int32).reshape(-1, 2)
    offsets = np.concatenate([[0], np.cumsum(shapes.astype(np.int64).prod(axis=1) * 3)])
    pixels = np.concatenate([image.ravel() for image, _ in decoded]) if decoded else np.zeros(0, np.uint8)
    sizes = np.array([size for _, size in decoded], np.int32).reshape(-1, 2)
    return MemoryDataset(
        pixels,
        offsets,
        shapes[:, 0],
        shapes[:, 1],
        sizes,
        tuple(sample.text for sample in samples),
        tuple(str(sample.path) for sample in samples),
    )
