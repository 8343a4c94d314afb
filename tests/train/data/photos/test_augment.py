"""A photo and its regions change together; what is cut is cut between texts."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data import images
from train.data.formats.loading import load_file
from train.data.images import Image
from train.data.photos.augment import UNCHANGED, RegionAugmentation, augment_photo, batch_side
from train.data.photos.augment.window import choose_window
from train.data.photos.regions import Region, doubled_area, regions_of
from train.errors import UsageError

STILL = RegionAugmentation(probability=0)
SIDE = 256


def painted(seed: int) -> tuple[Image, list[Region]]:
    """Return a photo whose regions are filled, each in a colour of its own that its text names."""
    rng = np.random.default_rng(seed)
    image = np.full((int(rng.integers(150, 500)), int(rng.integers(150, 500)), 3), 20, np.uint8)
    regions = []
    for row in range(10, image.shape[0] - 40, 45):
        width = int(rng.integers(30, image.shape[1] - 20))
        left = int(rng.integers(5, image.shape[1] - width))
        points = ((left, row), (left + width, row), (left + width, row + 20), (left, row + 20))
        colour = 60 + 15 * len(regions)
        image[row : row + 20, left : left + width] = colour
        regions.append(Region(tuple((float(x), float(y)) for x, y in points), str(colour)))
    return image, regions


def inside(image: Image, region: Region, shrink: float = 0.6) -> Image:
    """Return the pixels well inside a region."""
    points = np.array(region.points)
    middle = points.mean(axis=0)
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(middle + shrink * (points - middle) - 0.5).astype(np.int32)], 1)
    return image[mask > 0]


everything = st.builds(
    RegionAugmentation,
    flip=st.sampled_from([0.0, 1.0]),
    rotation_degrees=st.sampled_from([0.0, 10.0, 90.0]),
    crop=st.sampled_from([0.0, 1.0]),
    probability=st.just(0.0),
)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), everything)
def test_regions_stay_on_their_texts(seed: int, how: RegionAugmentation) -> None:
    image, regions = painted(seed)
    changed, moved = augment_photo(image, regions, how, SIDE, np.random.default_rng(seed))
    assert changed.shape == (SIDE, SIDE, 3)
    assert moved
    for region in moved:
        pixels = inside(changed, region)
        if not region.ignored and len(pixels):
            assert np.abs(pixels.astype(int) - int(region.text)).max() <= 12
            assert doubled_area(region.points) > 0


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), everything)
def test_squares_cut_no_text(seed: int, how: RegionAugmentation) -> None:
    """Level texts lie in rows of their own: there is always a gap; turned ones may overlap, and are kept whole, too."""
    image, regions = painted(seed)
    _, moved = augment_photo(image, regions, how, SIDE, np.random.default_rng(seed))
    assert not any(region.ignored for region in moved)
    corners = np.array([region.points for region in moved])
    assert corners.min() >= -1
    assert corners.max() <= SIDE + 1


def test_the_scale_is_even_on_a_logarithm(data_dir: Path) -> None:
    """A VIN is wide: it limits the scale only in a small square."""
    sample = load_file(data_dir / "vin" / "det_gt_val.txt", tasks=("detection",))[0]
    image, regions = images.read(sample.path), regions_of(sample.text)
    before = doubled_area(regions[0].points)
    scales = [
        np.sqrt(
            doubled_area(augment_photo(image, regions, STILL, 640, np.random.default_rng(i))[1][0].points)
            / before
        )
        for i in range(200)
    ]
    assert 0.5 - 0.01 <= min(scales) < 0.55
    assert 1.85 < max(scales) <= 2.01
    assert 0.4 < np.mean(np.array(scales) < 1) < 0.6


@pytest.mark.parametrize("name", ["vin", "receipts", "scene_words"])
def test_a_real_photo_changes_by_its_seed_alone(data_dir: Path, name: str) -> None:
    for i, sample in enumerate(load_file(data_dir / name / "det_gt_val.txt", tasks=("detection",))[:6]):
        image, regions = images.read(sample.path), regions_of(sample.text)
        kept = image.copy()
        how = RegionAugmentation(probability=1)
        first = augment_photo(image, regions, how, SIDE, np.random.default_rng(i))
        again = augment_photo(image, regions, how, SIDE, np.random.default_rng(i))
        other = augment_photo(image, regions, how, SIDE, np.random.default_rng(i + 100))
        assert np.array_equal(image, kept)
        assert np.array_equal(first[0], again[0])
        assert first[1] == again[1]
        assert not np.array_equal(first[0], other[0])
        if not all(region.ignored for region in regions):
            assert any(not region.ignored for region in first[1])


def test_unchanged_only_fits_the_photo_in() -> None:
    image, regions = painted(0)
    small, moved = augment_photo(image, regions, UNCHANGED, 512, np.random.default_rng(0))
    (x, y), (left, top) = moved[0].points[0], regions[0].points[0]
    row, column = round(y - top), round(x - left)
    assert np.array_equal(small[row : row + image.shape[0], column : column + image.shape[1]], image)
    assert len(moved) == len(regions)
    large, _ = augment_photo(np.zeros((90, 1000, 3), np.uint8), [], UNCHANGED, SIDE, np.random.default_rng(0))
    assert large.shape == (SIDE, SIDE, 3)


def test_the_fitting_is_the_networks_resize() -> None:
    """A photo twice the size of the square gets the very pixels that serving's resize gives."""
    image = np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8)
    image = cv2.GaussianBlur(image, (9, 9), 3)
    fitted, _ = augment_photo(image, [], UNCHANGED, 64, np.random.default_rng(0))
    assert np.abs(fitted.astype(int) - cv2.resize(image, (64, 64))).max() <= 1


def test_a_mirrored_text_begins_at_its_new_top_left() -> None:
    image, regions = painted(1)
    how = UNCHANGED.model_copy(update={"flip": 1.0})
    _, moved = augment_photo(image, regions, how, 512, np.random.default_rng(0))
    for region in moved:
        corners = np.array(region.points)
        assert np.argmin(corners.sum(axis=1)) == 0
        assert doubled_area(region.points) > 0


def test_a_text_that_is_half_outside_is_ignored_and_one_far_outside_is_gone() -> None:
    half = Region(((-50.0, 10.0), (50.0, 10.0), (50.0, 30.0), (-50.0, 30.0)), "half")
    gone = Region(((-50.0, 10.0), (-5.0, 10.0), (-5.0, 30.0), (-50.0, 30.0)), "gone")
    image = np.zeros((64, 64, 3), np.uint8)
    _, moved = augment_photo(image, [half, gone], UNCHANGED, 64, np.random.default_rng(0))
    assert [(region.text, region.ignored) for region in moved] == [("half", True)]


spans = st.tuples(st.integers(0, 900), st.integers(1, 99)).map(lambda s: (s[0], s[0] + s[1]))
boxes = st.lists(st.tuples(spans, spans), max_size=12)


@given(boxes, st.integers(0, 10**6))
def test_a_window_holds_a_text_and_cuts_none(
    found: list[tuple[tuple[int, int], tuple[int, int]]], seed: int
) -> None:
    corners = np.array([(x[0], y[0], x[1], y[1]) for x, y in found], float).reshape(-1, 4)
    left, top, right, bottom = choose_window(corners, (1000, 1000), 200, np.random.default_rng(seed))
    assert 0 <= left < right <= 1000
    assert 0 <= top < bottom <= 1000
    within = (corners[:, :2] >= (left, top)) & (corners[:, 2:] <= (right, bottom))
    apart = (corners[:, :2] >= (right, bottom)) | (corners[:, 2:] <= (left, top))
    whole = within.all(axis=1)
    assert (whole | apart.any(axis=1)).all()
    assert whole.any() or not found


@pytest.mark.parametrize(("side", "expected"), [(940, {(0, 900), (100, 1000)}), (960, {(0, 1000)})])
def test_an_edge_in_a_text_moves_to_the_nearer_gap(side: int, expected: set[tuple[int, int]]) -> None:
    rows = np.array([(0.0, 0.0, 50.0, 100.0), (0.0, 900.0, 50.0, 1000.0)])
    found = {choose_window(rows, (50, 1000), side, np.random.default_rng(seed))[1::2] for seed in range(30)}
    assert found == expected


def test_settings_and_sides_are_validated() -> None:
    with pytest.raises(ValueError, match="min_scale"):
        RegionAugmentation(min_scale=2, max_scale=1)
    with pytest.raises(UsageError, match="multiples of 32"):
        batch_side([100], 0, 0, 0)
    sides = {batch_side([320, 640], 0, epoch, 0) for epoch in range(20)}
    assert sides == {320, 640}
    assert batch_side([320, 640], 1, 2, 3) == batch_side([320, 640], 1, 2, 3)
