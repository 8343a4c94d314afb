"""Lines wider in one batch and narrower in the next: batches of many shapes, none with more pixels.

The idea is PaddleOCR's MultiScaleSampler (ppocr/data/multi_scale_sampler.py), which also varies the height: these
networks read lines of one height.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from train.data.batching.batches import Indices
from train.data.dataset import Dataset
from train.data.images import HEIGHT_PX, MAX_WIDTH_PX, Image

SIZES = 2  # the part of the seed that is for batch sizes alone


def batch_sizes(batch_size: int, multi_scale: float, seed: int, epoch: int) -> Iterator[int]:
    """Yield the number of lines of one batch after the other: `batch_size`, times or over 1 + `multi_scale` at most."""
    rng = np.random.default_rng((seed, epoch, 0, SIZES))
    reach = np.log1p(multi_scale)
    while True:
        yield max(1, round(batch_size * float(np.exp(rng.uniform(-reach, reach))))) if reach else batch_size


class Stretched(Dataset):
    """Lines whose widths are multiplied by a factor of their batch: a batch of fewer lines has wider ones.

    A batch of the usual size keeps its widths; any other has about as many pixels as it would then have had.
    """

    def __init__(self, lines: Dataset, batches: Sequence[Indices], multi_scale: float) -> None:
        """Take an epoch's lines and batches; the usual size of these is their mean.

        No line becomes wider than 1 + `multi_scale` times its width, or than MAX_WIDTH_PX.
        """
        self._lines = lines
        self.texts, self.sources = lines.texts, lines.sources
        self.heights, self.sizes = lines.heights, lines.sizes
        usual = sum(map(len, batches)) / len(batches)
        factors: npt.NDArray[np.float64] = np.ones(len(lines))
        for batch in batches:
            factors[batch] = min(usual / len(batch), 1 + multi_scale)
        self.widths = np.clip(np.round(lines.widths * factors), 1, MAX_WIDTH_PX).astype(np.int32)

    def image(self, index: int) -> Image:
        """Return line `index` at its width in this epoch."""
        line, width = self._lines.image(index), int(self.widths[index])
        if line.shape[1] == width:
            return line
        return np.asarray(cv2.resize(line, (width, HEIGHT_PX)), np.uint8)

    def peers(self, index: int) -> range:
        """Return the lines of the set that line `index` is from."""
        return self._lines.peers(index)
