"""Text lines to texts: the work of one recogniser replica, without Ray.

Only lines of the same padded width run together, so that no line's text depends on another line.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from serve.inference.beam import find_alternatives
from serve.inference.model import Model
from serve.inference.sessions import ElasticSession, Tuning, open_elastic
from train.data import images
from train.data.charset import decode_line

BATCH_COLUMNS_PX = 16 * 640
"""Padded columns in one batch: what bounds a replica's memory, whatever the lines."""


@dataclass(frozen=True)
class Reading:
    """What a line says.

    Attributes:
        text: as read.
        confidence: mean probability of its characters in [0, 1], 0 for an empty text.
        columns: output step of every character of the picture.
        steps: output steps of the padded line.
        padded_px: its padded width.
        alternatives: (text, probability) of the likeliest texts, best first, if asked for.
        picture: the characters from left to right, which is not the reading order of every script.
    """

    text: str
    confidence: float
    columns: tuple[int, ...] = ()
    steps: int = 0
    padded_px: int = 0
    alternatives: tuple[tuple[str, float], ...] = ()
    picture: str = ""


class LineReader:
    """Reads text lines; a line's text does not depend on the lines that are read with it."""

    def __init__(self, model: Model, threads: int) -> None:
        """Open the model and measure how it runs best on `threads` cores."""
        self.model = model
        self._session: ElasticSession
        self.tuning: Tuning
        self._session, self.tuning = open_elastic(model, (3, images.HEIGHT_PX, 320), threads)

    def read(
        self, lines: Sequence[images.Image], wanted: Sequence[int], alone: bool = False
    ) -> list[Reading]:
        """Return the reading of each line.

        Args:
            lines: (48, w, 3) uint8 BGR (`images.resize_line`).
            wanted: number of alternatives for each line, mostly 0.
            alone: no other model runs meanwhile.
        """
        found: list[Reading | None] = [None] * len(lines)
        widths = [line.shape[1] for line in lines]
        for width, indices in split_into_buckets(
            widths, self.model.bucket_width, self.tuning.batch, pixels=BATCH_COLUMNS_PX
        ):
            batch = images.to_batch([lines[i] for i in indices], width)
            probabilities = self._session.run(batch, alone)
            for index, row in zip(indices, probabilities, strict=True):
                text, confidence, columns, picture = decode_line(row, self.model.characters)
                reading = Reading(text, confidence, columns, len(row), width, picture=picture)
                if wanted[index]:
                    texts = find_alternatives(row, self.model.characters, wanted[index])
                    reading = replace(reading, alternatives=tuple(texts))
                found[index] = reading
        return [reading for reading in found if reading is not None]


Bucket = tuple[int, list[int]]


def split_into_buckets(
    widths_px: Sequence[int], bucket_width: Callable[[int], int], most: int, pixels: int
) -> Iterator[Bucket]:
    """Yield (padded width, indices of the lines) of each batch, narrow ones first; every line is in one of them.

    Args:
        widths_px: of the lines.
        bucket_width: padded width of a line, by its own width only.
        most: lines in one batch.
        pixels: columns of one batch, lines x padded width; a single line may have more.
    """
    members: dict[int, list[int]] = {}
    for index, width in enumerate(widths_px):
        members.setdefault(bucket_width(width), []).append(index)
    for width in sorted(members):
        count = max(1, min(most, pixels // width))
        indices = members[width]
        for start in range(0, len(indices), count):
            yield width, indices[start : start + count]
