"""Lines read by an exported model: onnxruntime's probabilities, and the text model that reads them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from train.data import images
from train.data.batching.batches import evaluation_batches
from train.data.charset import Charset
from train.errors import CheckpointError
from train.reading.settings import ReadingSettings, TextReading
from train.reading.text_model import TextModel
from train.reading.words import read_lines
from train.system.onnx_session import run

BATCH_LINES = 8


class Recogniser:
    """Reads text lines; a line's text does not depend on the lines that are read with it."""

    def __init__(
        self,
        session: Any,
        charset: Charset,
        text_model: ReadingSettings | None = None,
        by_words: bool = False,
    ) -> None:
        """Take an onnxruntime session, its classes and text model; raise CheckpointError if they do not fit.

        With `by_words` the text model reads the words of a line one by one (`cut.words`).
        """
        classes = session.get_outputs()[0].shape[-1]
        if classes != charset.classes:
            raise CheckpointError(
                "a bundle's charset must be its model's",
                f"{charset.classes} classes in the manifest and {classes} in its graph",
                "export the model again",
            )
        self._session = session
        self._text_model = TextModel(text_model or ReadingSettings(), charset)
        self._by_words = by_words and text_model is not None

    def read(self, lines: Sequence[images.Image]) -> list[tuple[str, float]]:
        """Return (text, confidence in [0, 1]) of each line, (48, w, 3) uint8 BGR (`images.resize_line`)."""
        return [(one.text, one.confidence) for one in self.read_texts(lines)]

    def read_texts(self, lines: Sequence[images.Image]) -> list[TextReading]:
        """Return what the text model makes of each line, (48, w, 3) uint8 BGR; greedily read without one."""
        widths = np.array([line.shape[1] for line in lines], np.int32)
        read: dict[int, TextReading] = {}
        for width, indices in evaluation_batches(widths, BATCH_LINES):
            batch = images.to_batch([lines[i] for i in indices], width)
            output = run(self._session, batch)
            read |= zip(indices.tolist(), read_lines(output, self._text_model, self._by_words), strict=True)
        return [read[index] for index in range(len(lines))]
