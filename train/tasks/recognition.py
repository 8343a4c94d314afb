"""Text recognition: a label is a text, an output is CTC probabilities."""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from train.bundle import GEOMETRY
from train.config import TrialConfig
from train.data import augment, images
from train.data.augment.pair import PARTNERS, Line, maybe_join
from train.data.batching.batches import Indices
from train.data.charset import Charset, decode, steps_needed
from train.data.checks.rules import Checks, line_checks, ppocr_steps
from train.data.dataset import Dataset
from train.data.decoded.stored import TURNED_LINES, Stored
from train.data.texts.forms import SPACE
from train.data.texts.kinds import expected
from train.engine import Batch, Images
from train.errors import UsageError
from train.models import MODELS
from train.reading.settings import ReadingSettings
from train.reading.text_model import TextModel
from train.reading.words import read_lines, read_words
from train.scoring.ctc import ctc_losses
from train.scoring.scores import Scores
from train.scoring.texts import AS_LABELLED, CHARSET_RULES, TextScores, score_texts
from train.tasks import CALIBRATION_IMAGES, TASKS, Mistake, SampleStats, Start, Task, Terms
from train.tasks.inference_yml import write_recognition_settings
from train.tasks.parity import line_batches, text_verdicts

TURN = "turn"
EXPLODED = 5.0
EXAMPLE_WIDTH_PX, EXAMPLE_CHARACTERS = 320, 17
Reading = tuple[str, float]


@TASKS.register("recognition")
class Recognition(Task):
    """Lines of text, scored by exact match."""

    objective: ClassVar[str] = "ctc"
    scores: ClassVar[type[Scores]] = TextScores
    terms: ClassVar[Terms] = Terms(
        samples="lines",
        scores=("exact match", "similarity", "CER"),
        short=("exact", "similarity"),
        goal="lines read without an error",
    )
    formats: ClassVar[tuple[str, ...]] = ("recognition", "detection")
    unused: ClassVar[tuple[str, ...]] = ("detection",)
    spells: ClassVar[bool] = True
    worded: ClassVar[bool] = True
    by_width: ClassVar[bool] = True
    geometry: ClassVar[Mapping[str, int]] = GEOMETRY

    def __init__(self, config: TrialConfig, charset: Charset) -> None:
        self._config, self._charset, self._rule = config, charset, AS_LABELLED
        self._fit_width = config.fit_width
        self._text_model: TextModel | None = None
        self._by_words = False

    @staticmethod
    def checks(characters: frozenset[str] | None = None) -> Checks:
        """Check texts, and whether they fit their lines."""
        return line_checks(characters, ppocr_steps)

    @classmethod
    def charset(cls, config: TrialConfig, texts: Sequence[str], dictionary: Sequence[str] = ()) -> Charset:
        """Return the model's characters and the domain's, or the domain's alone: the dictionary's and the labels'.

        Without a dictionary, the domain's are the labels' and, of those that the model knows, what they let expect.
        A reader whose lines are divided into words has a space, whether labels do or not.
        """
        weights = Path(config.weights) if config.weights else None
        model = MODELS.get(config.model).charset(weights)
        between = [SPACE] if config.cut.words else []
        if config.charset == "keep":
            return model.extended([*texts, *dictionary, *between])
        more = (
            [] if dictionary else [character for character in expected(texts) if not model.unknown(character)]
        )
        return Charset(tuple(dictionary)).extended([*texts, *more, *between])

    @classmethod
    def stored_as(cls, config: TrialConfig) -> Stored:
        """Return lines as they are, or turned where they are upright."""
        return TURNED_LINES if config.upright == TURN else cls.stored

    def settings(self) -> dict[str, Any]:
        """Return what is done with upright lines, and how they are cut out of photos, if not as PaddleOCR does."""
        changes = self._config.cut.changes()
        return {"upright": self._config.upright} | ({"cut": changes} if changes else {})

    @staticmethod
    def starts(untrained: bool, fit_widths: Sequence[int]) -> list[Start]:
        """Return the model as published, with the domain's charset, and that at every other width."""
        domain = [Start("domain"), *(Start("domain", width) for width in fit_widths if width)]
        return domain[:1] if untrained else [Start(), *domain]

    @staticmethod
    def example(samples: int) -> tuple[Charset, Batch]:
        """Return lines of noise, as wide and long as vehicle numbers."""
        charset, rng = Charset(tuple("0123456789ABCDEFGHJKLMNPRSTUVWXYZ")), np.random.default_rng(0)
        lines = rng.uniform(-1, 1, (samples, 3, images.HEIGHT_PX, EXAMPLE_WIDTH_PX)).astype(np.float32)
        targets = rng.integers(1, charset.classes, (samples, EXAMPLE_CHARACTERS)).tolist()
        return charset, Batch(lines, targets)

    def write_settings(self, directory: Path, published_name: str, charset: Charset) -> None:
        """Write how PaddleOCR resizes lines, and the dictionary."""
        write_recognition_settings(directory, published_name, charset)

    def comparing(self, rule: str) -> Self:
        """Compare texts under a rule of CHARSET_RULES."""
        other = copy.copy(self)
        other._rule = rule
        return other

    @property
    def text_model(self) -> ReadingSettings | None:
        """How texts are decoded; None for greedily."""
        return self._text_model.settings if self._text_model else None

    def reading_with(self, settings: ReadingSettings | None) -> Self:
        """Decode with a text model: predictions then are `TextReading`s."""
        other = copy.copy(self)
        other._text_model = TextModel(settings, self._charset) if settings else None
        return other

    @property
    def divides(self) -> bool:
        """Whether it is trained for lines that are divided."""
        return self._config.cut.words

    @property
    def by_words(self) -> Self:
        """The task with lines divided: a prediction is the line's words (`train.reading.words`), for no score."""
        if not self.worded:
            rule = "cut.words needs a model that tells where in a line its characters stand"
            raise UsageError(rule, self._config.model, "set cut.words to false")
        other = copy.copy(self)
        other._by_words = True
        return other

    def at_width(self, fit_width: int) -> Self:
        """Resample lines to another width, or not at all; they are joined as ever."""
        other = copy.copy(self)
        other._fit_width = fit_width
        return other

    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Augment, encode and pad; a line shrunk below its label's steps is padded up to them.

        At a fixed width every line is resampled from its own bucket, as evaluation and serving have it: the
        network's resampling of the batch then changes nothing. CTC gives a label that does not fit no loss.
        """
        lines = [self._line(data, int(index), epoch) for index in indices]
        targets = [self._charset.encode(line.text) for line in lines]
        if self._fit_width:
            fitted = np.stack([images.to_width(line.image, self._fit_width) for line in lines])
            spans = [images.bucket_width(line.image.shape[1]) for line in lines]
            return Batch(fitted, targets, spans_px=np.array(spans, np.int64))
        widest = max(line.image.shape[1] for line in lines)
        needed = images.STEP_PX * max(steps_needed(target) for target in targets)
        width = images.bucket_width(max(widest, needed))
        return Batch(images.to_batch([line.image for line in lines], width), targets)

    @property
    def plain(self) -> "Recognition | None":
        """This task itself."""
        return self

    def needed_widths(self, data: Dataset) -> npt.NDArray[np.int64]:
        """Return the larger of each line's width and what its label needs; at a fixed width that, for all."""
        if self._fit_width:
            return np.full(len(data), self._fit_width, np.int64)
        steps = [steps_needed(self._charset.encode(text)) for text in data.texts]
        return np.maximum(data.widths, images.STEP_PX * np.array(steps, np.int64))

    def targets(self, data: Dataset, indices: Indices) -> list[list[int]]:
        """Encode the lines' labels."""
        return [self._charset.encode(data.texts[int(index)]) for index in indices]

    def plain_images(self, data: Dataset, indices: Indices, width_px: int) -> Images:
        """Pad the lines to the width; at a fixed width resample each from its own bucket."""
        lines = [data.image(int(index)) for index in indices]
        if self._fit_width:
            return np.stack([images.to_width(line, self._fit_width) for line in lines])
        return images.to_batch(lines, width_px)

    def _line(self, data: Dataset, index: int, epoch: int) -> Line:
        rng = augment.sample_rng(self._config.seed, epoch, index)
        settings = self._config.augmentation
        line = Line(data.image(index), data.texts[index])
        if settings.concat > 0:
            peers = data.peers(index)
            chosen = rng.integers(peers.start, peers.stop, PARTNERS)
            partners = (Line(data.image(int(i)), data.texts[int(i)]) for i in chosen)
            line = maybe_join(line, partners, settings.concat, rng, self._config.fit_width, self.divides)
        return Line(augment.augment(line.image, settings, rng), line.text)

    def evaluation_batch(self, data: Dataset, indices: Indices) -> Images:
        """Pad the lines to the bucket of the widest."""
        return self.padded(data, indices, images.bucket_width(int(data.widths[indices].max())))

    def padded(self, data: Dataset, indices: Indices, width_px: int) -> Images:
        """Pad the lines to a width."""
        return images.to_batch([data.image(int(index)) for index in indices], width_px)

    def calibration_batch(self, data: Dataset, seed: int) -> Images:
        """Return a seeded handful of training lines of similar width, (N, 3, 48, W)."""
        rng, count = np.random.default_rng(seed), CALIBRATION_IMAGES
        some = rng.choice(len(data), min(4 * count, len(data)), replace=False)
        some = some[np.argsort(data.widths[some])][-count - len(some) // 2 :][:count]
        return self.evaluation_batch(data, some)

    def loss_limit(self, data: Dataset) -> float:
        """Return EXPLODED times the loss of taking every class for equally likely at every step of the widest line."""
        width = self._fit_width or images.bucket_width(int(data.widths.max()))
        return EXPLODED * MODELS.get(self._config.model).steps(width) * math.log(self._charset.classes)

    def decode(
        self, output: Images, data: Dataset | None = None, indices: Indices | None = None
    ) -> list[Any]:
        """Return what each line says: (text, confidence) pairs; with a text model `TextReading`s."""
        if self._by_words:
            assert data is not None
            assert indices is not None
            return self._divide(output, data.widths[indices])
        if self._text_model is None:
            return decode(output, self._charset)
        return read_lines(output, self._text_model, self.divides)

    def _divide(self, output: Images, widths_px: npt.NDArray[np.int32]) -> list[Any]:
        steps = output.shape[1] * widths_px / images.bucket_width(int(widths_px.max()))
        return [
            read_words(line, float(own), self._charset, self._text_model)
            for line, own in zip(output, steps, strict=True)
        ]

    def losses(self, output: Images, data: Dataset, indices: Indices) -> npt.NDArray[np.float64]:
        """Return each line's CTC loss; infinite for a label that the charset or the steps cannot hold."""
        texts = [data.texts[int(index)] for index in indices]
        losses = ctc_losses(output, [self._charset.encode(text) for text in texts])
        return np.where([bool(self._charset.unknown(text)) for text in texts], np.inf, losses)

    def unwritable(self, text: str) -> set[str]:
        """Return the characters that the charset lacks."""
        return self._charset.unknown(text)

    def score(self, predictions: Sequence[Reading], data: Dataset) -> TextScores:
        """Compare the texts."""
        return score_texts([text for text, _ in predictions], data.texts, self._rule)

    def per_sample(self, predictions: Sequence[Reading], data: Dataset) -> SampleStats:
        """Return (N, 2): 1, and whether the text is right."""
        right = [self._same(text, label) for (text, _), label in zip(predictions, data.texts, strict=True)]
        return np.stack([np.ones(len(right)), np.array(right, np.float64)], axis=1)

    def _same(self, text: str, label: str) -> bool:
        change = CHARSET_RULES[self._rule]
        return change(text) == change(label)

    def mistakes(self, predictions: Sequence[Reading], data: Dataset) -> list[Mistake]:
        """Return the lines that are read wrongly."""
        lines = enumerate(zip(predictions, data.texts, strict=True))
        return [
            Mistake(index, label, text, min(confidence, 1))
            for index, ((text, confidence), label) in lines
            if not self._same(text, label)
        ]

    def parity_batches(self, data: Dataset) -> Iterator[Images]:
        """Yield lines at every width and batch size of the gate, and as in use."""
        return line_batches(data)

    def verdicts(self, expected: Images, found: Images) -> Iterator[tuple[bool, bool]]:
        """Compare the texts; between two equally good characters rounding decides."""
        return text_verdicts(expected, found, self._charset)
