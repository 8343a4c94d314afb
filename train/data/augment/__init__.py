"""Random changes of training lines: one registered function each, in the modules of this folder.

An augmentation takes a line (HEIGHT_PX, w, 3) uint8 BGR that it must not write to, a strength in [0, 1]
and a random generator, and returns a line of the same shape: a label that fitted the model's output steps
still fits. Lines are never flipped: mirrored text is other text.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from train.config import AugmentationConfig
from train.data.images import Image
from train.system.registry import Registry

Augmentation = Callable[[Image, float, np.random.Generator], Image]

AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation", __name__)

USUAL = (
    "rotation", "perspective", "crop_jitter", "brightness_contrast", "blur", "motion_blur", "noise", "jpeg",
)  # fmt: skip
ORDER = (
    "stretch", "distort", "rotation", "perspective", "crop_jitter",
    "coarse_dropout", "shadow", "invert", "brightness_contrast", "color_jitter",
    "downscale", "blur", "motion_blur", "noise", "jpeg",
)  # fmt: skip
"""As a picture is made: where the text lies, what covers and lights it, the lens, the sensor, the file."""


def sample_rng(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the generator of sample `index` in `epoch`: the same whichever worker draws it, and when."""
    return np.random.default_rng((seed, epoch, index))


def augment(image: Image, config: AugmentationConfig, rng: np.random.Generator) -> Image:
    """Apply each configured operation with `config.probability` at `config.strength`.

    Args:
        image: (HEIGHT_PX, w, 3) uint8 BGR, not written to.
        config: which operations; if it names none, USUAL, or in wide variety all there are, in ORDER.
        rng: see `sample_rng`.

    Returns:
        (HEIGHT_PX, w, 3) uint8; `image` itself where no operation was drawn. An unknown operation raises
        UsageError.
    """
    operations = [AUGMENTATIONS.get(name) for name in config.operations or _operations(config.variety)]
    chosen = rng.random(len(operations)) < config.probability * (config.strength > 0)
    for operation, apply in zip(operations, chosen, strict=True):
        if apply:
            image = operation(image, config.strength, rng)
    return image


@cache
def _operations(variety: str) -> tuple[str, ...]:
    """Return the names of what is applied where none is named; one that ORDER does not know comes last."""
    if variety == "usual":
        return USUAL
    return (*ORDER, *(name for name in AUGMENTATIONS.names() if name not in ORDER))
