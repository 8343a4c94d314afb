"""What tasks of photos with regions share: squares to train on, inputs of a detector, its gate and its thresholds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from train.bundle import DETECTION_GEOMETRY
from train.config import DetectionConfig, PhotoChanges, TrialConfig
from train.data.augment import sample_rng
from train.data.batching.batches import Indices
from train.data.batching.epoch import epoch_lines
from train.data.batching.mixture import Extra
from train.data.charset import Charset
from train.data.checks.rules import Checks
from train.data.dataset import Dataset
from train.data.decoded.stored import Stored
from train.data.geometry.detection import STRIDE_PX, DetectionParameters, normalise
from train.data.photos import batches as region_batches
from train.data.photos.augment import UNCHANGED, RegionAugmentation, batch_side
from train.data.photos.batches import Photo, same_size_batches
from train.data.photos.kept import LONGEST_PX, input_photo, move_regions, photo_size, shrink_photo
from train.data.photos.regions import Region, regions_of
from train.data.photos.rules import photo_checks
from train.data.photos.targets import RegionTargets
from train.engine import Batch, Images
from train.scoring.regions import RegionScores, hmean
from train.scoring.scores import Scores
from train.scoring.thresholds import PhotoMap
from train.tasks import SampleStats, Sizes, Task, Terms
from train.tasks.inference_yml import write_detection_settings
from train.tasks.parity import box_verdicts, photo_inputs

EVALUATION_PHOTOS = 4
CALIBRATION_PHOTOS, CALIBRATION_PX = 16, 320  # the same for all trials, whatever they are trained on
CHUNK = 16  # photos that are decoded and held together
EXPLODED = 1000.0
"""No loss of a pretrained network comes near; but it is sure of what it finds beyond the labels, which costs a lot."""


class PhotoTask(Task):
    """Photos with regions, scored by the harmonic mean of precision and recall at an IoU of 0.5.

    A subclass says what a prediction is, and counts it.

    Attributes:
        how: text is looked for.
    """

    objective: ClassVar[str] = "regions"
    scores: ClassVar[type[Scores]] = RegionScores
    terms: ClassVar[Terms] = Terms(
        samples="photos",
        scores=("hmean", "IoU", "precision", "recall"),
        short=("hmean", "IoU"),
        goal="harmonic mean of precision and recall",
        wrong="not right",
        spelled=False,
        legend="Labels are green, ignored ones grey, what was found is orange.",
    )
    formats: ClassVar[tuple[str, ...]] = ("detection",)
    unused: ClassVar[tuple[str, ...]] = (
        "fit_width",
        "upright",
        "cut",
        "label_smoothing",
        "augmentation.concat",
        "dropout",
        "augmentation.operations",
        "augmentation.variety",
    )
    stored: ClassVar[Stored] = Stored(
        shrink_photo, photo_size, ("photos 1", LONGEST_PX, cv2.__version__), CHUNK, may_be_blank=True
    )
    geometry: ClassVar[Mapping[str, int]] = DETECTION_GEOMETRY
    architecture: ClassVar[tuple[str, ...]] = ("engine", "model", "weights", "detection.max_side_px")
    timed: ClassVar[int] = 4

    def __init__(self, config: TrialConfig, charset: Charset) -> None:
        self._config, self.how = config, parameters(config)
        changes = config.detection.model_dump(include=set(PhotoChanges.model_fields))
        light = config.augmentation
        self._changes = RegionAugmentation(**changes, probability=light.probability, strength=light.strength)

    @staticmethod
    def checks(characters: frozenset[str] | None = None) -> Checks:
        """Check outlines; those that run anti-clockwise are turned."""
        return photo_checks()

    @staticmethod
    def text_of(label: str) -> str:
        """Return the texts of a photo: the same ones, elsewhere in another photo, are the same thing seen twice.

        Those without texts are told apart by their regions; one without any says nothing.
        """
        regions = regions_of(label)
        texts = sorted(region.text for region in regions if not region.ignored)
        return "\n".join(filter(None, texts)) or (label if regions else "")

    @staticmethod
    def work(config: TrialConfig) -> float:
        """Return how many pixels a square has, in those of the usual one."""
        return (config.detection.crop_px / DetectionConfig().crop_px) ** 2

    @staticmethod
    def example(samples: int) -> tuple[Charset, Batch]:
        """Return noise with a text in the middle of each square."""
        side, rng = CALIBRATION_PX, np.random.default_rng(0)
        images = rng.normal(0, 1, (samples, 3, side, side)).astype(np.float32)
        targets = np.zeros((samples, len(RegionTargets._fields), side, side), np.float32)
        targets[:, :, side // 3 : side // 2, side // 4 : side // 2] = 1
        return Charset(()), Batch(images, targets)

    def write_settings(self, directory: Path, published_name: str, charset: Charset) -> None:
        """Write how PaddleOCR shrinks photos, and the thresholds."""
        write_detection_settings(directory, published_name, self.how)

    def settings(self) -> dict[str, Any]:
        """Return PaddleX's `text_det_params`."""
        return asdict(self.how)

    def with_choice(
        self, thresh: float, box_thresh: float, unclip_ratio: float, seen: Sizes | None
    ) -> TrialConfig:
        """Return the configuration with these thresholds; photos larger than all that were seen are shrunken.

        `seen` is None for a pretrained network: which photos it has seen nobody knows, so it keeps its longest side.
        """
        usual = self._config.detection
        side = usual.max_side_px if seen is None else min(usual.max_side_px, longest_side(seen))
        changes = {"thresh": thresh, "box_thresh": box_thresh, "unclip_ratio": unclip_ratio}
        detection = usual.model_copy(update=changes | {"max_side_px": side})
        return self._config.model_copy(update={"detection": detection})

    def photo_map(self, maps: Images, data: Dataset, index: int) -> PhotoMap:
        """Return what a network said of a photo, (1, H, W), beside what is true."""
        return PhotoMap(maps[0], source_size(data, index), labels_of(data, index))

    def training_batches(
        self, config: TrialConfig, data: Dataset, extras: Sequence[Extra], epoch: int
    ) -> tuple[Dataset, list[Indices]]:
        """Return the photos and their batches; `batch` cuts squares of one size out of them."""
        return epoch_lines(
            config.model_copy(update={"multi_scale": 0.0}), data, extras, epoch, one_width=True
        )

    def batch(self, data: Dataset, indices: Indices, epoch: int) -> Batch:
        """Return augmented squares and their target maps, (N, 4, side, side) in the order of RegionTargets.

        Each worker's part of a batch has squares of a size of its own.
        """
        seed = self._config.seed
        side = batch_side(self._sides(), seed, epoch, int(indices[0]))
        rngs = [sample_rng(seed, epoch, index) for index in indices.tolist()]
        photos = [kept_photo(data, index) for index in indices.tolist()]
        images, targets = region_batches.training_batch(photos, self._changes, side, rngs)
        return Batch(images, np.stack(targets, axis=1))

    def _sides(self) -> list[int]:
        """Return what a batch's squares may measure, in pixels."""
        usual, reach = self._config.detection.crop_px, 1 + self._config.multi_scale
        sides = range(STRIDE_PX, int(usual * reach) + 1, STRIDE_PX)
        return [side for side in sides if side >= usual / reach]

    def evaluation_batches(self, data: Dataset, workers: int = 1) -> Iterator[Indices]:
        """Yield photos whose inputs have one size."""
        return same_size_batches(data.sizes, self.how, EVALUATION_PHOTOS * workers)

    def evaluation_batch(self, data: Dataset, indices: Indices) -> Images:
        """Return the photos as serving has them, (N, 3, H, W)."""
        return normalise(
            [input_photo(data.image(i), source_size(data, i), self.how) for i in indices.tolist()]
        )

    def calibration_batch(self, data: Dataset, seed: int) -> Images:
        """Return squares of a seeded handful of training photos."""
        rng = np.random.default_rng(seed)
        some = rng.choice(len(data), min(CALIBRATION_PHOTOS, len(data)), replace=False).tolist()
        photos = [kept_photo(data, index) for index in some]
        rngs = [sample_rng(seed, 0, index) for index in some]
        cut = UNCHANGED.model_copy(update={"crop": 1.0})
        return region_batches.training_batch(photos, cut, CALIBRATION_PX, rngs)[0]

    def loss_limit(self, data: Dataset) -> float:
        """Return what no loss of a pretrained network comes near."""
        return EXPLODED

    def primary(self, sums: SampleStats) -> float:
        """Return the hmean."""
        return hmean(sums[:3])

    def parity_batches(self, data: Dataset) -> Iterator[Images]:
        """Yield photos at every size and batch size of the gate, and as in use."""
        yield from photo_inputs(data)
        few = list(self.evaluation_batches(data))
        for indices in few[:: max(1, len(few) // 2)][:2]:
            yield self.evaluation_batch(data, indices)

    def verdicts(self, expected: Images, found: Images) -> Iterator[tuple[bool, bool]]:
        """Compare the boxes; between two equally good answers rounding decides."""
        return box_verdicts(expected, found, self.how)


def parameters(config: TrialConfig) -> DetectionParameters:
    """Return how a configuration looks for text."""
    settings = config.detection
    return DetectionParameters(
        limit_side_len=settings.max_side_px,
        limit_type="max",
        thresh=settings.thresh,
        box_thresh=settings.box_thresh,
        unclip_ratio=settings.unclip_ratio,
    )


def labels_of(data: Dataset, index: int) -> tuple[Region, ...]:
    """Return the regions of a photo, in pixels of its file."""
    return regions_of(data.texts[index], data.sources[index])


def longest_side(sizes: Sizes) -> int:
    """Return the longest side of photos in pixels, up to the next multiple of STRIDE_PX."""
    return max(2, -(-int(sizes.max()) // STRIDE_PX)) * STRIDE_PX


def source_size(data: Dataset, index: int) -> tuple[int, int]:
    """Return (height, width) of a photo's file."""
    height, width = data.sizes[index].tolist()
    return height, width


def kept_photo(data: Dataset, index: int) -> Photo:
    """Return a photo as it is kept, and its labels in its pixels."""
    image = data.image(index)
    return image, move_regions(labels_of(data, index), source_size(data, index), image.shape[:2])
