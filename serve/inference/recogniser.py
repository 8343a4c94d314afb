"""Text lines to texts: the work of one recogniser replica, without Ray.

Only lines of the same padded width run together, so that no line's text depends on another line.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from serve.inference.beam import find_alternatives
from serve.inference.model import Model
from serve.runtime.sessions import Array, ElasticSession, Session
from serve.runtime.tuning import Agreement, Tuning, blank, open_elastic
from train.data import images
from train.data.charset import Decoded, decode_line
from train.data.decoded.kept import read_kept_lines
from train.data.geometry.crops import turned
from train.reading.settings import TextReading
from train.reading.text_model import TextModel
from train.reading.words import Word, join_words, read_words

BATCH_COLUMNS_PX = 16 * 640
"""Padded columns in one batch: what bounds a replica's memory, whatever the lines."""
SHOWN_BYTES = 32 * 2**20
"""What lines of one page or request take at a time; a usual page takes less."""
COMPARED = 8
"""Lines that are compared together."""


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
        decoded: what the bundle's text model says; None without one.
        words: of a reader that has the lines of pages divided, each with its own reading; none of any other.
    """

    text: str
    confidence: float
    columns: tuple[int, ...] = ()
    steps: int = 0
    padded_px: int = 0
    alternatives: tuple[tuple[str, float], ...] = ()
    picture: str = ""
    decoded: TextReading | None = None
    words: tuple[Word, ...] = ()

    def others(self, count: int) -> tuple[tuple[str, float], ...]:
        """Return up to `count` texts that it may say besides its own; one more than these has to be asked for."""
        return tuple((text, p) for text, p in self.alternatives if text != self.text)[:count]

    @property
    def greedy(self) -> "Reading":
        """The reading without the text model."""
        if self.decoded is None:
            return self
        one = self.decoded
        greedy_line = Decoded(one.raw, one.raw_confidence, one.raw_columns, one.raw_picture)
        words = tuple(word._replace(reading=word.reading.greedy) for word in self.words)
        return replace(self, **greedy_line._asdict(), decoded=None, words=words)


NOTHING = Reading("", 0.0)
"""The reading of an image that is too long to be a line."""


def show_lines(lines: Sequence[images.Image], upright: str, padded_px: int) -> list[images.Image | None]:
    """Return line images of any size as the recogniser takes them; None for one that is too long.

    Args:
        lines: (H, W, 3) uint8 BGR.
        upright: what is done with upright lines (`Model.upright`).
        padded_px: the width to which every line is padded at least.
    """
    shown = [turned(line) if upright == "turn" else line for line in lines]
    return [
        None if images.too_long(*line.shape[:2]) else images.resize_line(line, padded_px) for line in shown
    ]


def share_out(lines: Sequence[images.Image], upright: str) -> Iterator[Sequence[images.Image]]:
    """Yield line images of any size in groups that take at most SHOWN_BYTES as `show_lines` shows them.

    A thin line of some pixels is shown a hundred times as large; one alone may be larger than a group.
    """
    start = held = 0
    for end, line in enumerate(lines):
        shape = line.shape[1] / line.shape[0]
        shape = max(shape, 1 / shape) if upright == "turn" else shape
        size = int(3 * images.HEIGHT_PX**2 * min(shape, images.MAX_ASPECT))
        if held and held + size > SHOWN_BYTES:
            yield lines[start:end]
            start, held = end, 0
        held += size
    yield lines[start:]


class LineReader:
    """Reads text lines; a line's text does not depend on the lines that are read with it."""

    def __init__(self, model: Model, threads: int, cores: int | None = None) -> None:
        """Open the model and measure how it runs best on `threads` cores; `cores` as `open_elastic`."""
        self.model, self._charset = model, model.charset
        self._text_model = TextModel(model.text_model, self._charset) if model.text_model else None
        self.session: ElasticSession
        self.tuning: Tuning
        kept_lines = KeptLines(model) if model.samples else None
        self.session, self.tuning = open_elastic(
            model.graphs,
            kept_lines.usual_work if kept_lines else blank((3, images.HEIGHT_PX, 320)),
            threads,
            cores=cores,
            compare=kept_lines.compare if kept_lines else None,
        )

    def show(self, lines: Sequence[images.Image]) -> list[images.Image | None]:
        """Return line images as `read` takes them (`show_lines`)."""
        return show_lines(lines, self.model.upright, self.model.min_width_px)

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
            probabilities = self.session.run(batch, alone)
            read = self._decode(probabilities, width, [widths[index] for index in indices])
            for index, row, own in zip(indices, probabilities, read, strict=True):
                found[index] = own
                if wanted[index]:
                    texts = find_alternatives(row, self.model.characters, wanted[index])
                    found[index] = replace(own, alternatives=tuple(texts))
        return [reading for reading in found if reading is not None]

    def _decode(self, probabilities: Array, width: int, own_px: Sequence[int]) -> list[Reading]:
        """Return the reading of each line, (N, T, C), padded from its own width; with its words, if they are wanted."""
        steps = probabilities.shape[1]
        if self.model.cut.words:
            shares = [own / width for own in own_px]
            return [self._divide(row, share, width) for row, share in zip(probabilities, shares, strict=True)]
        if self._text_model is None:
            return [self._read_greedily(row, width) for row in probabilities]
        return [_of_line(one, steps, width) for one in self._text_model.read(probabilities)]

    def _divide(self, row: Array, share: float, width: int) -> Reading:
        """Return the reading of a line that has a share of its steps, by its words."""
        words = read_words(row, share * len(row), self._charset, self._text_model)
        if self._text_model is None:
            line = self._read_greedily(row, width)
        else:
            line = _of_line(join_words(words, row, self._charset), len(row), width)
        return replace(line, words=tuple(word._replace(reading=_of_word(word.reading)) for word in words))

    def _read_greedily(self, row: Array, width: int) -> Reading:
        line = decode_line(row, self.model.characters)
        return Reading(**line._asdict(), steps=len(row), padded_px=width)


def _of_line(one: TextReading, steps: int, width: int) -> Reading:
    return Reading(one.text, one.confidence, one.columns, steps, width, picture=one.picture, decoded=one)


def _of_word(one: TextReading | tuple[str, float]) -> Reading:
    text, confidence = one
    return Reading(text, confidence, decoded=one if isinstance(one, TextReading) else None)


class KeptLines:
    """The lines that a bundle kept, to measure sessions on."""

    def __init__(self, model: Model) -> None:
        assert model.samples
        self._model = model
        self._lines = [line.image for line in read_kept_lines(model.samples)]
        self._usual = [self._lines[len(self._lines) * place // 6] for place in (1, 3, 5)]

    def usual_work(self, count: int) -> list[Array]:
        """Return a batch of a narrow, a middling and a wide line each, which stands there `count` times."""
        return [
            images.to_batch([line] * count, self._model.bucket_width(line.shape[1])) for line in self._usual
        ]

    def compare(self, session: Session, reference: Session) -> Agreement:
        """Return how a session reads all lines, beside another one."""
        same, difference = [], 0.0
        for batch in self._batches():
            ours, theirs = session.run(batch), reference.run(batch)
            difference = max(difference, float(np.abs(ours - theirs).max()))
            same += [self._text(one) == self._text(other) for one, other in zip(ours, theirs, strict=True)]
        return Agreement(sum(same) / len(same), difference)

    def _batches(self) -> Iterator[Array]:
        widths = [line.shape[1] for line in self._lines]
        for width, indices in split_into_buckets(
            widths, self._model.bucket_width, COMPARED, BATCH_COLUMNS_PX
        ):
            yield images.to_batch([self._lines[i] for i in indices], width)

    def _text(self, row: Array) -> str:
        return str(decode_line(row, self._model.characters).text)


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
