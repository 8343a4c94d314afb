"""Text-line orientation: does a line stand upright, or on its head? An output is the two probabilities.

Any lines with texts will do: they stand upright, and half of them are turned. A labelled list says itself which are.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt

from train.config import TrialConfig
from train.data import augment
from train.data.batching.batches import EVALUATION_BATCH, Indices
from train.data.batching.epoch import epoch_lines
from train.data.batching.mixture import Extra
from train.data.charset import Charset
from train.data.dataset import Dataset
from train.data.decoded.stored import Stored
from train.data.geometry import orientation
from train.data.geometry.orientation import LIKELIER, MOBILE_V2, PP_LCNET, UPSIDE_DOWN, LineInput, line_input
from train.data.images import Image
from train.engine import Batch, Images
from train.models import MODELS
from train.scoring.scores import AccuracyScores, Scores
from train.tasks import TASKS, Mistake, SampleStats, Task, Terms
from train.tasks.inference_yml import write_orientation_settings
from train.tasks.parity import class_verdicts

ANGLES = ("0", "180")
LABELS = ("0_degree", "180_degree")
HELD = 0x0180  # the part of the seed that is for turning lines that are only looked at
EXPLODED = 20.0  # the right class is given e ** -20
LEAST = 1e-30  # a probability that float32 rounds to 0 costs about 69, not infinity


def _stored(how: LineInput, version: str) -> Stored:
    return Stored(
        partial(orientation.prepare, how=how),
        partial(orientation.prepared_size, how=how),
        (version, how.height_px, how.width_px, cv2.__version__),
    )


STORED = {PP_LCNET: _stored(PP_LCNET, "orientation 1"), MOBILE_V2: _stored(MOBILE_V2, "orientation padded 1")}
"""Lines as serving prepares them, for each input that a network can have."""


def input_of(config: TrialConfig) -> LineInput:
    """Return how lines are prepared for a configuration's network."""
    return line_input((None, None, MODELS.get(config.model).input.height_px))


@TASKS.register("orientation")
class Orientation(Task):
    """Lines that stand upright or on their heads, scored by the share that is told right."""

    objective: ClassVar[str] = "classes"
    scores: ClassVar[type[Scores]] = AccuracyScores
    terms: ClassVar[Terms] = Terms(
        samples="lines",
        scores=("accuracy", "confidence"),
        short=("accuracy", "confidence"),
        goal="lines whose direction is told right",
    )
    formats: ClassVar[tuple[str, ...]] = ("orientation", "recognition", "detection")
    classes: ClassVar[frozenset[str]] = frozenset(ANGLES)
    unused: ClassVar[tuple[str, ...]] = (
        "fit_width",
        "upright",
        "cut",
        "multi_scale",
        "augmentation.concat",
        "dropout",
        "detection",
    )
    stored: ClassVar[Stored] = STORED[PP_LCNET]
    geometry: ClassVar[Mapping[str, int]] = PP_LCNET.geometry
    wants_others: ClassVar[bool] = True

    def __init__(self, config: TrialConfig, charset: Charset) -> None:
        self._config = config
        self._known: tuple[Dataset, dict[int, bool]] | None = None

    @cached_property
    def _how(self) -> LineInput:
        return input_of(self._config)

    @classmethod
    def stored_as(cls, config: TrialConfig) -> Stored:
        """Return lines as they are prepared for the configuration's network."""
        return STORED[input_of(config)]

    @classmethod
    def geometry_as(cls, config: TrialConfig) -> Mapping[str, int]:
        """Return the size of the configuration's network's input."""
        return input_of(config).geometry

    def settings(self) -> dict[str, Any]:
        """Return over which probability a line is turned: what is scored here."""
        return {"threshold": LIKELIER}

    @staticmethod
    def example(samples: int) -> tuple[Charset, Batch]:
        """Return noise, half of it on its head, in the larger size; networks of the other take it, too."""
        shape = (samples, 3, PP_LCNET.height_px, PP_LCNET.width_px)
        images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
        return Charset(()), Batch(images, [index % 2 for index in range(samples)])

    def write_settings(self, directory: Path, published_name: str, charset: Charset) -> None:
        """Write how PaddleOCR stretches and normalises lines, and what the two classes are."""
        write_orientation_settings(directory, published_name, LABELS)

    def training_batches(
        self, config: TrialConfig, data: Dataset, extras: Sequence[Extra], epoch: int
    ) -> tuple[Dataset, list[Indices]]:
        """Return what an epoch trains on and its batches, mixed by chance: every line is as wide in the end."""
        return epoch_lines(config, data, extras, epoch, one_width=True)

    def evaluation_batches(self, data: Dataset, workers: int = 1) -> Iterator[Indices]:
        """Yield the samples in their order."""
        size = EVALUATION_BATCH * workers
        for start in range(0, len(data), size):
            yield np.arange(start, min(start + size, len(data)))

    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Turn about half of the lines, another half in every epoch, then augment."""
        images, targets = [], []
        for index in indices.tolist():
            rng = augment.sample_rng(self._config.seed, epoch, index)
            turned = bool(rng.integers(2))
            image = augment.augment(data.image(index), self._config.augmentation, rng)
            images.append(_turned(image, turned))
            targets.append(int(turned) ^ (self._label(data, index) if self._is_labelled(data, index) else 0))
        return Batch(orientation.normalise(images, self._how), targets)

    def evaluation_batch(self, data: Dataset, indices: Indices) -> Images:
        """Return the lines as `picture` shows them, (N, 3, H, W) of the network's input."""
        return orientation.normalise([self._seen(data, index) for index in indices.tolist()], self._how)

    def _seen(self, data: Dataset, index: int) -> Image:
        turned = not self._is_labelled(data, index) and bool(self._label(data, index))
        return _turned(data.image(index), turned)

    def _label(self, data: Dataset, index: int) -> int:
        """Return the class of a line to evaluate: the list's, else one drawn by its place, so that half are turned."""
        if self._is_labelled(data, index):
            return ANGLES.index(data.texts[index])
        return int(np.random.default_rng((HELD, index)).integers(2))

    def _is_labelled(self, data: Dataset, index: int) -> bool:
        """Whether every label of the set that a line is from is an angle; else they are texts, and all its lines stand
        upright. A batch may hold lines of both kinds: a labelled list is trained beside lines of other kinds.
        """
        if self._known is None or self._known[0] is not data:
            self._known = data, {}
        known, peers = self._known[1], data.peers(index)
        if peers.start not in known:
            known[peers.start] = all(data.texts[peer] in ANGLES for peer in peers)
        return known[peers.start]

    def _labels(self, data: Dataset) -> npt.NDArray[np.int64]:
        return np.array([self._label(data, index) for index in range(len(data))], np.int64)

    def loss_limit(self, data: Dataset) -> float:
        """Return the loss of being all but sure of the wrong class, line after line."""
        return EXPLODED

    def decode(self, output: Images, data: Dataset, indices: Indices) -> list[float]:
        """Return the probability of each line that it stands on its head."""
        found: list[float] = output[:, UPSIDE_DOWN].tolist()
        return found

    def losses(self, output: Images, data: Dataset, indices: Indices) -> npt.NDArray[np.float64]:
        """Return the cross-entropy of each line."""
        labels = [self._label(data, index) for index in indices.tolist()]
        chances = np.maximum(output[np.arange(len(labels)), labels], LEAST, dtype=np.float64)
        return np.asarray(-np.log(chances))

    def score(self, predictions: Sequence[float], data: Dataset) -> AccuracyScores:
        """Count the lines that are told right."""
        if not len(data):
            return AccuracyScores(0, 0.0, 0.0)
        chances = _chances(predictions, self._labels(data))
        return AccuracyScores(len(data), float((chances > LIKELIER).mean()), float(chances.mean()))

    def per_sample(self, predictions: Sequence[float], data: Dataset) -> SampleStats:
        """Return (N, 2): 1, and whether the direction is right."""
        chances = _chances(predictions, self._labels(data))
        return np.stack([np.ones(len(chances)), chances > LIKELIER], axis=1)

    def mistakes(self, predictions: Sequence[float], data: Dataset) -> list[Mistake]:
        """Return the lines whose direction is told wrong."""
        labels = self._labels(data).tolist()
        return [
            Mistake(index, ANGLES[label], ANGLES[1 - label], float(1 - chance))
            for index, (label, chance) in enumerate(
                zip(labels, _chances(predictions, self._labels(data)), strict=True)
            )
            if chance <= LIKELIER
        ]

    def picture(self, data: Dataset, index: int, prediction: float) -> Image:
        """Return the line as it was looked at."""
        return self._seen(data, index)

    def verdicts(self, expected: Images, found: Images) -> Iterator[tuple[bool, bool]]:
        """Compare the likelier classes; between two equally likely ones rounding decides."""
        return class_verdicts(expected, found)


def _turned(image: Image, turned: bool) -> Image:
    return np.ascontiguousarray(image[::-1, ::-1]) if turned else image


def _chances(predictions: Sequence[float], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the probabilities that were given to the right classes."""
    chances = np.asarray(predictions, np.float64)
    return np.where(labels == UPSIDE_DOWN, chances, 1 - chances)
