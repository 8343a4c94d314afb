"""Text recognition: a label is a text, an output is CTC probabilities."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from train.config import TrialConfig
from train.ctc import ctc_losses
from train.data import augment, images
from train.data.augment.pair import PARTNERS, Line, maybe_join
from train.data.batches import Indices
from train.data.charset import Charset, decode, steps_needed
from train.data.dataset import Dataset
from train.engines.base import Batch, Images
from train.metrics import Scores, score_texts
from train.tasks import TASKS, Task

STEP_PX = 8


@TASKS.register("recognition")
class Recognition(Task):
    """Lines of text, scored by exact match."""

    def __init__(self, config: TrialConfig, charset: Charset) -> None:
        self._config, self._charset = config, charset

    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Augment, encode and pad; a line shrunk below its label's steps is padded up to them.

        At a fixed width every line is resampled from its own bucket, as evaluation and serving have it: the
        network's resampling of the batch then changes nothing. CTC gives a label that does not fit no loss.
        """
        lines = [self._line(data, int(index), epoch) for index in indices]
        targets = [self._charset.encode(line.text) for line in lines]
        if self._config.fit_width:
            return Batch(
                np.stack([images.to_width(line.image, self._config.fit_width) for line in lines]), targets
            )
        widest = max(line.image.shape[1] for line in lines)
        needed = STEP_PX * max(steps_needed(target) for target in targets)
        width = images.bucket_width(max(widest, needed))
        return Batch(images.to_batch([line.image for line in lines], width), targets)

    @property
    def plain(self) -> "Recognition":
        """This task itself."""
        return self

    def needed_widths(self, data: Dataset) -> npt.NDArray[np.int64]:
        """Return the larger of each line's width and what its label needs; at a fixed width that, for all."""
        if self._config.fit_width:
            return np.full(len(data), self._config.fit_width, np.int64)
        steps = [steps_needed(self._charset.encode(text)) for text in data.texts]
        return np.maximum(data.widths, STEP_PX * np.array(steps, np.int64))

    def targets(self, data: Dataset, indices: Indices) -> list[list[int]]:
        """Encode the lines' labels."""
        return [self._charset.encode(data.texts[int(index)]) for index in indices]

    def plain_images(self, data: Dataset, indices: Indices, width_px: int) -> Images:
        """Pad the lines to the width; at a fixed width resample each from its own bucket."""
        lines = [data.image(int(index)) for index in indices]
        if self._config.fit_width:
            return np.stack([images.to_width(line, self._config.fit_width) for line in lines])
        return images.to_batch(lines, width_px)

    def _line(self, data: Dataset, index: int, epoch: int) -> Line:
        rng = augment.sample_rng(self._config.seed, epoch, index)
        settings = self._config.augmentation
        line = Line(data.image(index), data.texts[index])
        if settings.concat > 0:
            peers = data.peers(index)
            chosen = rng.integers(peers.start, peers.stop, PARTNERS)
            partners = (Line(data.image(int(i)), data.texts[int(i)]) for i in chosen)
            line = maybe_join(line, partners, settings.concat, rng)
        return Line(augment.augment(line.image, settings, rng), line.text)

    def evaluation_batch(self, data: Dataset, indices: Indices, width_px: int) -> Images:
        """Pad the lines to their bucket."""
        return images.to_batch([data.image(int(index)) for index in indices], width_px)

    def decode(self, output: Images) -> list[tuple[str, float]]:
        """Return (text, confidence) of each line."""
        return decode(output, self._charset)

    def losses(self, output: Images, data: Dataset, indices: Indices) -> npt.NDArray[np.float64]:
        """Return each line's CTC loss; infinite for a label that the charset or the steps cannot hold."""
        texts = [data.texts[int(index)] for index in indices]
        losses = ctc_losses(output, [self._charset.encode(text) for text in texts])
        return np.where([bool(self._charset.unknown(text)) for text in texts], np.inf, losses)

    def score(self, predictions: Sequence[tuple[str, float]], data: Dataset) -> Scores:
        """Compare the texts."""
        return score_texts([text for text, _ in predictions], data.texts)
