"""TrialConfig: everything that decides what a trial trains; validated once, frozen, unknown keys refused."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from train.cut import PADDLEOCR, Cut
from train.errors import UsageError
from train.system.paths import given_path

DICTIONARIES = (".txt", ".yml", ".yaml")
SHOWN = 80
"""Characters of a wrong value that a message shows."""

Upright = Literal["as_is", "turn"]


class Frozen(BaseModel):
    """Base of every setting: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TechniqueConfig(Frozen):
    """Which layer groups learn, and how fast.

    Attributes:
        name: a registered technique (`train/techniques/`).
        options: what that technique takes, numbers and words; it validates them itself.
    """

    name: str = "full"
    options: dict[str, float | str] = {}


class AdapterSettings(Frozen):
    """What a technique asks of an engine that is to train low-rank adapters instead of weights.

    Attributes:
        rank: of every change.
        alpha: a change counts alpha / rank times.
    """

    rank: int = Field(ge=1)
    alpha: float = Field(gt=0)


class DistillationSettings(Frozen):
    """What a technique asks for that trains with a teacher's readings beside the labels (`train/steps/teacher.py`).

    The loss is alpha * CTC + (1 - alpha) * temperature ** 2 * KL(teacher || student), both softened by the temperature
    (Hinton et al., 2015); KL is summed over a line's output steps and averaged over lines, as CTC is. Each is compared
    with the teacher's step that it answers to (`train/engines/alignment.py`).

    Attributes:
        teacher: a registered model, as published, or the folder of a bundle or checkpoint.
        alpha: the labels' share of the loss.
        temperature: what logits are divided by.
    """

    teacher: str = Field(min_length=1)
    alpha: float = Field(0.9, ge=0, le=1)
    temperature: float = Field(1.0, gt=0)

    @property
    def labels_weight(self) -> float:
        """What CTC is multiplied with."""
        return self.alpha

    @property
    def teacher_weight(self) -> float:
        """What KL is multiplied with."""
        return (1 - self.alpha) * self.temperature**2


class OptimiserConfig(Frozen):
    """The optimiser and what bounds its steps.

    Attributes:
        learning_rate: peak rate of the fastest layer group.
        layer_decay: factor of the rate from each block of layers to the next one towards the input, on top of
            the technique's multipliers; 1 for none (`train/engines/levels.py`).
        clip_norm: global gradient norm above which gradients are scaled down.
        accumulate: batches whose gradients are averaged into one step.
        ema: decay of a moving average of the weights, which validation, the bundle and the best checkpoint read
            with; 0 for none (`train/engines/average.py`).
    """

    name: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = Field(2e-4, gt=0, le=1)
    layer_decay: float = Field(1.0, gt=0, le=1)
    weight_decay: float = Field(1e-4, ge=0, le=1)
    clip_norm: float = Field(1.0, gt=0)
    accumulate: int = Field(1, ge=1)
    ema: float = Field(0.0, ge=0, lt=1)


class ScheduleConfig(Frozen):
    """How the learning rate moves over the run.

    Attributes:
        warmup: share of the run in [0, 1) over which the rate rises from 0; `wsd` falls in the last fifth alone.
        cycles: number of cosine cycles of `warm_restarts`.
    """

    name: Literal["constant", "cosine", "warm_restarts", "one_cycle", "wsd"] = "cosine"
    warmup: float = Field(0.1, ge=0, lt=1)
    cycles: int = Field(2, ge=1)


class AugmentationConfig(Frozen):
    """Random changes of training images.

    Attributes:
        probability: chance in [0, 1] that each operation is applied to an image.
        strength: 0 (nothing) to 1 (as strong as still readable).
        operations: registered augmentations, applied in this order; empty for what `variety` says.
        variety: `usual` for eight of them, `wide` for all there are.
        concat: chance in [0, 1] that a line is joined with up to two others, where they fit together; for a reader that
            divides lines (`cut.words`) with spaces between.
    """

    probability: float = Field(0.3, ge=0, le=1)
    strength: float = Field(0.5, ge=0, le=1)
    operations: tuple[str, ...] = ()
    variety: Literal["usual", "wide"] = "usual"
    concat: float = Field(0.0, ge=0, le=1)


class PhotoChanges(Frozen):
    """How a photo is turned, resized and cut at random; the defaults are PaddleOCR's, but for the flip.

    Attributes:
        flip: chance in [0, 1] of a mirrored photo: only where the direction of text does not matter.
        rotation_degrees: a photo is turned by up to as much either way.
        min_scale: least and
        max_scale: greatest factor by which a photo is resized, evenly on a logarithmic scale.
        crop: chance in [0, 1] that a photo is cut, between its texts, to what fits at that scale; else it is shrunken.
    """

    flip: float = Field(0.0, ge=0, le=1)
    rotation_degrees: float = Field(10.0, ge=0, le=180)
    min_scale: float = Field(0.5, gt=0)
    max_scale: float = Field(2.0, gt=0)
    crop: float = Field(1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_scale > self.max_scale:
            raise ValueError("min_scale must not be more than max_scale")
        return self


class DetectionConfig(PhotoChanges):
    """How a detector learns from photos and finds text in them; other tasks have no use for it.

    Attributes:
        crop_px: side of the squares that it is trained on.
        max_side_px: a photo whose longer side is more is shrunken to it before text is looked for; none is enlarged.
        thresh: probability above which a pixel is text; this and the next two are chosen anew after training.
        box_thresh: mean probability that a box needs.
        unclip_ratio: how far a box grows: by area x ratio / perimeter.
    """

    crop_px: int = Field(320, ge=64, le=1152, multiple_of=32)
    max_side_px: int = Field(960, ge=64, le=1152, multiple_of=32)
    thresh: float = Field(0.3, gt=0, lt=1)
    box_thresh: float = Field(0.6, gt=0, lt=1)
    unclip_ratio: float = Field(1.5, gt=0, le=5)


class TrialConfig(Frozen):
    """One configuration of model, technique and training; the same for a search's trial and a single run.

    Attributes:
        model: a registered model (`train/models/`).
        weights: file or folder to start from (docs/models.md); None for the model's official weights.
        charset: `keep` the model's dictionary (extended by what it lacks), or only the `domain`'s characters: the
            labels', and what they let expect (`train/data/texts/kinds.py`).
        dictionary: file of the domain's characters, which the labels' extend; None for the labels' alone.
        fit_width: pixels to which the network resamples every line after padding, so that small crops of
            long texts get enough output steps; 0 keeps each line's own width.
        upright: `turn` line images that are 1.5 times as high as wide, or more, by 90 degrees anti-clockwise, or read
            them `as_is`; the same in serving. What is cut out of photos is always turned, as PaddleOCR does.
        cut: how lines are cut out of photos for this reader.
        epoch_share: of the training samples that an epoch sees, others each time: for sets whose whole epochs are long.
        batch_norm: `frozen` uses the stored statistics while training, `live` the batch's.
        epochs: length of the run, which the schedule spans.
        multi_scale: lines of a batch are up to 1 + this times as wide as they are, or narrower, and the wider,
            the fewer; 0 leaves them as they are. Goes with fit_width 0 alone: at a fixed width it would do nothing.
            In detection, the squares of a batch are up to 1 + this times as large as `detection.crop_px`, or smaller.
        detection: what photos alone have use for.
        synthetic: share in [0, 0.9] of every training batch that is drawn from the synthetic lines.
        patience: epochs without a better one (exact match, ties by edit similarity) after which the run ends; 0 for
            never. Whoever sets it lower than the schedule needs to come down gives up what its end is worth.
        label_smoothing: share in [0, 1) of the target spread evenly over the classes; in recognition, of a line's loss,
            at every step: much more than 0.02 there outweighs the labels.
        dropout: share in [0, 1) of the activations in the neck that a training step leaves out, of networks
            that have some (not PP-OCRv6 tiny); PaddleOCR has 0.1.
        replay: share in [0, 0.9] of every training batch that is drawn from the general lines; 0 for none.
        precision: `bf16`/`fp16` mixed precision (O1) needs a GPU.
        compile: let torch compile the training step: a minute or more at the start, faster steps after it.
    """

    task: str = "recognition"
    engine: str = "paddle"
    model: str = "pp-ocrv6-tiny"
    weights: str | None = None
    charset: Literal["keep", "domain"] = "domain"
    dictionary: str | None = None
    fit_width: int = Field(0, ge=0, le=1600, multiple_of=32)
    upright: Upright = "as_is"
    cut: Cut = PADDLEOCR
    batch_norm: Literal["frozen", "live"] = "frozen"
    technique: TechniqueConfig = TechniqueConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    detection: DetectionConfig = DetectionConfig()
    epochs: int = Field(12, ge=1)
    epoch_share: float = Field(1.0, gt=0, le=1)
    patience: int = Field(0, ge=0)
    batch_size: int = Field(32, ge=1)
    multi_scale: float = Field(0.0, ge=0, le=1)
    synthetic: float = Field(0.0, ge=0, le=0.9)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    replay: float = Field(0.0, ge=0, le=0.9)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    compile: bool = False
    seed: int = Field(0, ge=0)

    @field_validator("weights")
    @classmethod
    def _home_of_weights(cls, weights: str | None) -> str | None:
        return weights and str(given_path(weights))

    @model_validator(mode="after")
    def _scales_apply(self) -> Self:
        if self.multi_scale and self.fit_width:
            raise ValueError(
                f"multi_scale needs fit_width 0, got fit_width={self.fit_width}; set one of them to 0"
            )
        return self


@contextmanager
def config_error(source: str, called: Callable[[str], str] = str) -> Iterator[None]:
    """Turn pydantic's errors into one UsageError that names `source` and every wrong key, as it is `called` there."""
    try:
        yield
    except ValidationError as error:
        faults = "; ".join(
            f"{called('.'.join(map(str, e['loc'])) or 'config')}: {e['msg']} (got {repr(e['input'])[:SHOWN]})"
            for e in error.errors()
        )
        raise UsageError(
            f"{source} must hold valid settings",
            faults,
            "correct or remove them",
        ) from error


def config_from_mapping(settings: dict[str, Any], source: str) -> TrialConfig:
    """Return the configuration that nested `settings` describe; raise UsageError naming every wrong key."""
    with config_error(source):
        return TrialConfig.model_validate(settings)


def dictionary_apart(settings: dict[str, Any]) -> dict[str, Any]:
    """Return flat settings in which `charset: FILE` reads as what it means: the characters of a dictionary."""
    named = settings.get("charset")
    if not isinstance(named, str) or Path(named).suffix not in DICTIONARIES or "dictionary" in settings:
        return settings
    return settings | {"charset": "domain", "dictionary": named}
