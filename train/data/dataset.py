"""Decoded line images: made once per study, mapped by every trial without a copy."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from train.data import images
from train.data.sample import Sample


class Dataset(ABC):
    """Lines of one split, resized to `images.HEIGHT_PX`, wherever their pixels lie.

    Attributes:
        widths: (N,) int32, pixels.
        texts: N labels.
        sources: N image paths, for reports.
    """

    widths: npt.NDArray[np.int32]
    texts: Sequence[str]
    sources: Sequence[str]

    def __len__(self) -> int:
        return len(self.widths)

    @abstractmethod
    def image(self, index: int) -> images.Image:
        """Return line `index`, (HEIGHT_PX, width, 3) uint8 BGR, not to be written to."""

    def peers(self, index: int) -> range:
        """Return the lines of the set that line `index` is from."""
        return range(len(self))


@dataclass(frozen=True)
class MemoryDataset(Dataset):
    """Lines as a few flat arrays in memory, or in Ray's object store.

    Attributes:
        pixels: (sum of HEIGHT_PX * width * 3,) uint8, the lines one behind the other, BGR.
        offsets: (N + 1,) int64, where each line starts in `pixels`.
    """

    pixels: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    widths: npt.NDArray[np.int32]
    texts: tuple[str, ...]
    sources: tuple[str, ...]

    def image(self, index: int) -> images.Image:
        """Return line `index`, (HEIGHT_PX, width, 3) uint8 BGR: a view, not to be written to."""
        start, end = self.offsets[index], self.offsets[index + 1]
        return self.pixels[start:end].reshape(images.HEIGHT_PX, self.widths[index], 3)


def decode_sample(sample: Sample) -> images.Image:
    """Return a sample's line as every dataset holds it, (HEIGHT_PX, width, 3) uint8 BGR."""
    return images.resize_line(images.read(sample.path))


def decode_samples(samples: Sequence[Sample], threads: int = 2) -> MemoryDataset:
    """Read, decode and resize every sample; raise DataError at the first that cannot be read."""
    with ThreadPoolExecutor(threads) as pool:
        lines = list(pool.map(decode_sample, samples))
    widths = np.array([line.shape[1] for line in lines], np.int32)
    offsets = np.concatenate([[0], np.cumsum(widths.astype(np.int64) * images.HEIGHT_PX * 3)])
    pixels = np.concatenate([line.ravel() for line in lines]) if lines else np.zeros(0, np.uint8)
    return MemoryDataset(
        pixels, offsets, widths, tuple(s.text for s in samples), tuple(str(s.path) for s in samples)
    )
