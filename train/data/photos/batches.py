"""Batches of photos: augmented squares with their targets for training, photos of one input size for evaluation."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from train.data.geometry.detection import DetectionParameters, input_size, normalise
from train.data.images import Image
from train.data.photos.augment import RegionAugmentation, augment_photo
from train.data.photos.regions import Region
from train.data.photos.targets import RegionTargets, region_targets, stack_targets

Photo = tuple[Image, Sequence[Region]]
"""(H, W, 3) uint8 BGR and its regions, in its pixels."""


def training_batch(
    photos: Sequence[Photo], settings: RegionAugmentation, side_px: int, rngs: Sequence[np.random.Generator]
) -> tuple[npt.NDArray[np.float32], RegionTargets]:
    """Return (N, 3, side_px, side_px) float32, normalised, and the targets as (N, side_px, side_px) maps.

    Args:
        photos: of any sizes.
        settings: how they are changed.
        side_px: a multiple of 32; see `augment_regions.batch_side`.
        rngs: one for each photo, so that it changes alike in whichever batch it stands.
    """
    squares, targets = [], []
    for (image, regions), rng in zip(photos, rngs, strict=True):
        square, moved = augment_photo(image, regions, settings, side_px, rng)
        squares.append(square)
        targets.append(region_targets(moved, (side_px, side_px)))
    return normalise(squares), stack_targets(targets)


def same_size_batches(
    sizes: npt.NDArray[np.int32], how: DetectionParameters, batch_size: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the indices of every photo once, those together whose network input has one size: nothing is padded.

    Args:
        sizes: (N, 2) height and width of each photo.
        how: decides the size of the input.
        batch_size: at most so many together.
    """
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i, (height, width) in enumerate(sizes.tolist()):
        groups[input_size(height, width, how)].append(i)
    for _, indices in sorted(groups.items()):
        for start in range(0, len(indices), batch_size):
            yield np.array(indices[start : start + batch_size], np.int64)
