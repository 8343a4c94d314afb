"""Batches of real photos."""

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from train.data import images
from train.data.augment import sample_rng
from train.data.formats.loading import load_file
from train.data.geometry.detection import DetectionParameters, input_size, normalise, prepare
from train.data.photos.augment import UNCHANGED, RegionAugmentation
from train.data.photos.batches import Photo, same_size_batches, training_batch
from train.data.photos.regions import regions_of
from train.data.photos.targets import region_targets

HOW = DetectionParameters(limit_side_len=960, limit_type="max")


def photos(data_dir: Path) -> list[Photo]:
    samples = [
        load_file(data_dir / name / "det_gt_val.txt", tasks=("detection",))[0]
        for name in ("vin", "receipts", "scene_words")
    ]
    return [(images.read(sample.path), regions_of(sample.text)) for sample in samples]


def test_a_photo_changes_alike_in_every_batch(data_dir: Path) -> None:
    found = photos(data_dir)
    rngs = [sample_rng(0, 1, i) for i in range(3)]
    pixels, targets = training_batch(found, RegionAugmentation(), 256, rngs)
    assert (pixels.shape, pixels.dtype) == ((3, 3, 256, 256), np.float32)
    assert all(maps.shape == (3, 256, 256) for maps in targets)
    assert (targets.threshold_mask.sum(axis=(1, 2)) > 0).all()
    alone, its = training_batch(found[1:2], RegionAugmentation(), 256, [sample_rng(0, 1, 1)])
    assert np.array_equal(alone[0], pixels[1])
    assert all(np.array_equal(a[0], b[1]) for a, b in zip(its, targets, strict=True))


def test_unchanged_a_photo_of_the_right_size_is_what_evaluation_sees(data_dir: Path) -> None:
    image, regions = photos(data_dir)[0]
    pixels, targets = training_batch([(image, regions)], UNCHANGED, 256, [np.random.default_rng(0)])
    assert np.array_equal(pixels, normalise([prepare(image, HOW)]))
    assert np.array_equal(targets.shrink[0], region_targets(regions, (256, 256)).shrink)


@given(st.lists(st.tuples(st.integers(20, 1200), st.integers(20, 1200)), max_size=12), st.integers(1, 4))
def test_every_photo_once_and_sizes_apart(sizes: list[tuple[int, int]], batch: int) -> None:
    found = list(same_size_batches(np.array(sizes, np.int32).reshape(-1, 2), HOW, batch))
    assert sorted(int(i) for indices in found for i in indices) == list(range(len(sizes)))
    for indices in found:
        assert len(indices) <= batch
        assert len({input_size(*sizes[i], HOW) for i in indices}) == 1
