"""What a label means: images, targets, decoding, score and words; one file each."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from train.config import TrialConfig
from train.data.batching import batches
from train.data.batching.batches import EVALUATION_BATCH, Indices
from train.data.batching.epoch import epoch_lines
from train.data.batching.mixture import Extra
from train.data.charset import Charset
from train.data.checks.rules import Checks, image_checks
from train.data.dataset import Dataset
from train.data.decoded.stored import LINES, Stored
from train.data.images import Image
from train.engine import Batch, Images
from train.errors import UsageError
from train.reading.settings import ReadingSettings
from train.scoring.intervals import SampleStats as SampleStats
from train.scoring.scores import Scores
from train.scoring.texts import AS_LABELLED
from train.system.registry import Registry
from train.tasks.batch_kinds import Batches as Batches
from train.tasks.batch_kinds import PlainBatches as PlainBatches
from train.tasks.terms import Mistake as Mistake
from train.tasks.terms import Start as Start
from train.tasks.terms import Terms as Terms

CALIBRATION_IMAGES = 48
PARITY_IMAGES, PARITY_SIZES = 64, (1, 8)
Sizes = npt.NDArray[np.int32]
"""(N, 2): height and width of image files, in pixels."""


class Task(ABC):
    """One kind of label; knows no framework.

    Attributes:
        objective: what a network is trained for (`train/engines/objectives/`).
        scores: the class of its scores.
        formats: the tasks whose label formats it reads, the preferred first.
        classes: the labels, where they are classes and no texts.
        unused: settings that mean nothing here, and must be as they are by default (dotted keys).
        spells: whether the network writes with a charset, which the labels decide.
        stored: what a decoded image file becomes.
        geometry: how an image becomes the input of an exported graph, for the bundle.
        tunes: whether `tuned` chooses something.
        worded: whether its outputs are probabilities of characters, behind which a text model can stand.
        by_width: whether a batch of narrower images takes less memory; it has `plain` batches then.
        architecture: the settings that decide how long an exported network takes for an image (dotted keys).
        wants_others: whether lines of other kinds are drawn for it where none are given: it is to do for any.
        timed: how many samples a step is timed with, about as many as a batch has.
    """

    objective: ClassVar[str]
    scores: ClassVar[type[Scores]]
    terms: ClassVar[Terms]
    formats: ClassVar[tuple[str, ...]]
    classes: ClassVar[frozenset[str]] = frozenset()
    unused: ClassVar[tuple[str, ...]] = ()
    spells: ClassVar[bool] = False
    stored: ClassVar[Stored] = LINES
    geometry: ClassVar[Mapping[str, int]]
    tunes: ClassVar[bool] = False
    worded: ClassVar[bool] = False
    by_width: ClassVar[bool] = False
    architecture: ClassVar[tuple[str, ...]] = ("engine", "model", "weights", "charset", "fit_width")
    wants_others: ClassVar[bool] = False
    timed: ClassVar[int] = 16

    @abstractmethod
    def __init__(self, config: TrialConfig, charset: Charset) -> None:
        """Take what decides encoding and augmentation."""

    @staticmethod
    def checks(characters: frozenset[str] | None = None) -> Checks:
        """Return what must hold of labels and images; `characters` is a dictionary, None where none forbids any."""
        return image_checks()

    @classmethod
    def has_texts(cls) -> bool:
        """Tell whether labels are texts, which can be compared with readings."""
        return cls.terms.spelled and not cls.classes

    @staticmethod
    def text_of(label: str) -> str:
        """Return what of a label must not stand in two splits."""
        return label

    @classmethod
    def charset(cls, config: TrialConfig, texts: Sequence[str], dictionary: Sequence[str] = ()) -> Charset:
        """Return the characters that a network is to write; none where it does not spell.

        Args:
            config: what is trained.
            texts: the labels.
            dictionary: characters of the domain, whether the labels hold them or not.
        """
        return Charset(())

    @classmethod
    def stored_as(cls, config: TrialConfig) -> Stored:
        """Return what a decoded image file becomes in training, evaluation and serving with a configuration."""
        return cls.stored

    @classmethod
    def geometry_as(cls, config: TrialConfig) -> Mapping[str, int]:
        """Return how an image becomes the input of a graph that is exported with a configuration."""
        return cls.geometry

    @staticmethod
    def starts(untrained: bool, fit_widths: Sequence[int]) -> list[Start]:
        """Return what is scored before any training; `untrained`: of a model with random weights."""
        return [Start()]

    @staticmethod
    def work(config: TrialConfig) -> float:
        """Return how long training on a sample takes, in the time that it takes with the default settings."""
        return 1.0

    @staticmethod
    def example(samples: int) -> tuple[Charset, Batch]:
        """Return a batch of noise of the usual size, to measure a training step with, and the charset it is for."""
        raise NotImplementedError

    def write_settings(self, directory: Path, published_name: str, charset: Charset) -> None:
        """Write `inference.yml`, with which PaddleOCR loads a bundle as the model `published_name`."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Return the settings with which an exported model is served, for its bundle."""
        return {}

    def tuned(
        self, outputs: Iterable[tuple[Indices, Images]], data: Dataset, learnt: Sizes | None = None
    ) -> TrialConfig:
        """Return the configuration with what needs no training chosen anew, such as the thresholds of a detector.

        Args:
            outputs: an engine's, of all `evaluation_batches` of the data, with their indices; read once.
            data: on which to choose: the validation split.
            learnt: of the images that the network was trained on; None for a pretrained one, or if they are not known.
        """
        raise NotImplementedError

    def unwritable(self, text: str) -> set[str]:
        """Return the characters of a label that the network cannot write, whatever it sees."""
        return set()

    def comparing(self, rule: str) -> Self:
        """Return the task with predictions and labels compared under another rule; raise UsageError without one."""
        if rule != AS_LABELLED:
            raise UsageError("--charset-rule goes with texts", rule, "leave it out")
        return self

    @property
    def text_model(self) -> ReadingSettings | None:
        """The text model that predictions are made with; None where they are as the network says."""
        return None

    @property
    def divides(self) -> bool:
        """Whether a text model reads the words of a line one by one (`cut.words`)."""
        return False

    def reading_with(self, settings: ReadingSettings | None) -> Self:
        """Return the task with a text model behind the network's outputs, or without."""
        raise NotImplementedError

    def training_batches(
        self, config: TrialConfig, data: Dataset, extras: Sequence[Extra], epoch: int
    ) -> tuple[Dataset, list[Indices]]:
        """Return what an epoch trains on and its batches, as indices into it (`epoch_lines`)."""
        return epoch_lines(config, data, extras, epoch)

    def at_width(self, fit_width: int) -> "Task":
        """Return the task whose batches hold the same lines, changed alike, at another `fit_width`; 0 for their own."""
        raise NotImplementedError

    @abstractmethod
    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Return the augmented training batch of these samples; the same for the same seed and epoch."""

    def evaluation_batches(self, data: Dataset, workers: int = 1) -> Iterator[Indices]:
        """Yield every sample once: those together that do not change each other's prediction, some for each worker."""
        for _, indices in batches.evaluation_batches(data.widths, EVALUATION_BATCH * workers):
            yield indices

    @abstractmethod
    def evaluation_batch(self, data: Dataset, indices: Indices) -> Images:
        """Return the images of one of `evaluation_batches`, or of a part of it."""

    def calibration_batch(self, data: Dataset, seed: int) -> Images:
        """Return a seeded handful of typical training images, to give fused batch norms their statistics."""
        rng = np.random.default_rng(seed)
        some = rng.choice(len(data), min(CALIBRATION_IMAGES, len(data)), replace=False)
        return self.evaluation_batch(data, some)

    @property
    def at_best(self) -> "Task":
        """The task as epochs are judged: what `tuned` chooses in the end is chosen here on the samples that are scored.

        Its predictions are only for `score` and `per_sample`. It is the task itself where nothing is chosen.
        """
        return self

    def chosen(self, predictions: Sequence[Any], seen: Sizes) -> TrialConfig:
        """Return, as the task `at_best`, the configuration with which these predictions are scored.

        Args:
            predictions: of all samples to choose on.
            seen: sizes of all images that networks were trained on or read.
        """
        raise NotImplementedError

    @property
    def plain(self) -> PlainBatches | None:
        """The task's batches without augmentation; None for a task whose batches cannot be cached."""
        return None

    @abstractmethod
    def loss_limit(self, data: Dataset) -> float:
        """Return the mean loss of a batch above which training has failed; the same for all workers."""

    @abstractmethod
    def decode(self, output: Images, data: Dataset, indices: Indices) -> list[Any]:
        """Return one prediction a sample from an engine's output for these samples."""

    def losses(self, output: Images, data: Dataset, indices: Indices) -> npt.NDArray[np.float64]:
        """Return the loss of each sample, (N,), from an engine's output; infinite where it tells none."""
        return np.full(len(indices), np.inf)

    @abstractmethod
    def score(self, predictions: Sequence[Any], data: Dataset) -> Scores:
        """Compare predictions with the labels, in dataset order."""

    @abstractmethod
    def per_sample(self, predictions: Sequence[Any], data: Dataset) -> SampleStats:
        """Return (N, k) what the first score is made of, sample by sample: `primary` takes the sums over samples.

        Two columns, 1 and whether the sample is right, where the score is a share of right ones.
        """

    def primary(self, sums: SampleStats) -> float:
        """Return the first score of samples whose rows add up to (k,) `sums`."""
        return float(sums[1] / sums[0])

    @abstractmethod
    def mistakes(self, predictions: Sequence[Any], data: Dataset) -> list[Mistake]:
        """Return what was got wrong, in dataset order."""

    def picture(self, data: Dataset, index: int, prediction: Any) -> Image:
        """Return (h, w, 3) uint8 BGR for people to see what was got wrong."""
        return data.image(index)

    def parity_batches(self, data: Dataset) -> Iterator[Images]:
        """Yield real images in the shapes in which an exported graph must do what the framework does."""
        order = np.linspace(0, len(data) - 1, min(len(data), PARITY_IMAGES)).astype(int)
        for size in PARITY_SIZES:
            for start in range(0, len(order), size):
                yield self.evaluation_batch(data, order[start : start + size])

    @abstractmethod
    def verdicts(self, expected: Images, found: Images) -> Iterator[tuple[bool, bool]]:
        """Yield for every sample of two outputs of one shape: whether it differs, and whether by rounding alone."""


TASKS: Registry[type[Task]] = Registry("task", __name__)


def primary_of(config: TrialConfig) -> Callable[[SampleStats], float]:
    """Return what makes a configuration's first score of sums over samples (`Task.primary`); needs no network."""
    return TASKS.get(config.task)(config, Charset(())).primary
