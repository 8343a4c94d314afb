"""Transcription: a label is a text, and so is an output: code points with what the model gives them.

For models that write texts. Their own tokens stay in the engine; no charset bounds what they write.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from train.data import images
from train.data.batching.batches import Indices
from train.data.dataset import Dataset
from train.engine import Batch, Images
from train.tasks import TASKS, Task
from train.tasks.recognition import Recognition


@TASKS.register("transcription")
class Transcription(Recognition):
    """Lines of text, augmented and scored as in recognition."""

    objective: ClassVar[str] = "tokens"
    unused: ClassVar[tuple[str, ...]] = (*Recognition.unused, "dropout")
    worded: ClassVar[bool] = False
    by_width: ClassVar[bool] = False

    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Augment and pad; targets are code points."""
        lines = [self._line(data, int(index), epoch) for index in indices]
        width = images.bucket_width(max(line.image.shape[1] for line in lines))
        targets = [[ord(character) for character in line.text] for line in lines]
        return Batch(images.to_batch([line.image for line in lines], width), targets)

    @property
    def plain(self) -> None:
        """None: an engine resizes the images as its model wants them, so that narrow batches need not save memory."""
        return None

    def decode(
        self, output: Images, data: Dataset | None = None, indices: Indices | None = None
    ) -> list[tuple[str, float]]:
        """Return (text, confidence) of (N, T, 2) code points, 0 behind the text's end, and probabilities."""
        return [_reading(row) for row in output]

    def losses(self, output: Images, data: Dataset, indices: Indices) -> npt.NDArray[np.float64]:
        """Return infinity: what was written does not tell how likely the label was."""
        return Task.losses(self, output, data, indices)


def _reading(row: Images) -> tuple[str, float]:
    written = row[row[:, 0] > 0]
    text = "".join(map(chr, written[:, 0].astype(int)))
    return text, float(written[:, 1].mean()) if text else 0.0


def written(texts: Sequence[str], confidences: Sequence[float]) -> Images:
    """Return texts as `Transcription.decode` reads them, (N, T, 2) float32, exact up to the last code point."""
    longest = max(map(len, texts), default=0)
    output = np.zeros((len(texts), longest, 2), np.float32)
    for row, text, confidence in zip(output, texts, confidences, strict=True):
        row[: len(text), 0] = [ord(character) for character in text]
        row[: len(text), 1] = confidence
    return output
