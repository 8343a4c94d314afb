"""Decoded line images as a few flat arrays: made once per study, mapped by every trial without a copy."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from train.data import images
from train.data.sample import Sample


class Lines(Protocol):
    """Decoded lines that a task makes batches of: one split's, or several sets' seen as one."""

    @property
    def texts(self) -> Sequence[str]:
        """N labels."""

    @property
    def widths(self) -> npt.NDArray[np.int32]:
        """(N,) int32, pixels."""

    def image(self, index: int) -> images.Image:
        """Return line `index`, (HEIGHT_PX, width, 3) uint8 BGR: a view, not to be written to."""

    def peers(self, index: int) -> range:
        """Return the lines of the set that line `index` belongs to."""


@dataclass(frozen=True)
class Dataset:
    """Lines of one split, resized to `images.HEIGHT_PX`.

    Attributes:
        pixels: (sum of HEIGHT_PX * width * 3,) uint8, the lines one behind the other, BGR.
        offsets: (N + 1,) int64, where each line starts in `pixels`.
        widths: (N,) int32, pixels.
        texts: N labels.
        sources: N image paths, for reports.
    """

    pixels: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]
    widths: npt.NDArray[np.int32]
    texts: tuple[str, ...]
    sources: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def image(self, index: int) -> images.Image:
        """Return line `index`, (HEIGHT_PX, width, 3) uint8 BGR: a view, not to be written to."""
        start, end = self.offsets[index], self.offsets[index + 1]
        return self.pixels[start:end].reshape(images.HEIGHT_PX, self.widths[index], 3)

    def peers(self, index: int) -> range:
        """Return all lines: they are of one set."""
        return range(len(self))


def decode_samples(samples: Sequence[Sample], threads: int = 2) -> Dataset:
    """Read, decode and resize every sample; raise DataError at the first that cannot be read."""
    with ThreadPoolExecutor(threads) as pool:
        lines = list(pool.map(lambda sample: images.resize_line(images.read(sample.path)), samples))
    widths = np.array([line.shape[1] for line in lines], np.int32)
    offsets = np.concatenate([[0], np.cumsum(widths.astype(np.int64) * images.HEIGHT_PX * 3)])
    pixels = np.concatenate([line.ravel() for line in lines]) if lines else np.zeros(0, np.uint8)
    return Dataset(
        pixels, offsets, widths, tuple(s.text for s in samples), tuple(str(s.path) for s in samples)
    )
