"""Targets of the DB network against a slow drawing of their definition, pixel by pixel."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from train.data.formats.loading import load_file
from train.data.photos.regions import Points, Region, regions_of
from train.data.photos.targets import RegionTargets, region_targets, stack_targets

SIZE = (60, 90)


def box(left: float, top: float, width: float, height: float) -> Points:
    return ((left, top), (left + width, top), (left + width, top + height), (left, top + height))


def drawn_slowly(regions: list[Region]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (H, W) signed distances to the shrunken outlines, to the grown ones (negative inside), and thresholds."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    points = shapely.points(x.astype(float), y.astype(float))
    inner, outer, threshold = np.full(SIZE, np.inf), np.full(SIZE, np.inf), np.zeros(SIZE)
    for region in regions:
        shape = shapely.Polygon(region.points)
        offset = shape.area * (1 - 0.4**2) / shape.length
        for grown, signed in ((shape.buffer(-offset), inner), (shape.buffer(offset, quad_segs=64), outer)):
            away = shapely.distance(grown.exterior, points)
            np.minimum(signed, np.where(shapely.contains(grown, points), -away, away), out=signed)
        np.maximum(threshold, 1 - shapely.distance(shape.exterior, points) / offset, out=threshold)
    return inner, outer, 0.3 + 0.4 * threshold


sizes = st.tuples(st.integers(-10, 90), st.integers(-10, 60), st.integers(12, 60), st.integers(9, 30))
quads = st.builds(
    lambda b, tilt: tuple((x + 0.3, y + tilt * (x - b[0])) for x, y in box(*map(float, b))),
    sizes,
    st.floats(-0.4, 0.4),
)


@settings(max_examples=10, deadline=None)
@given(st.lists(quads, min_size=1, max_size=3))
def test_the_maps_are_their_definition(found: list[Points]) -> None:
    regions = [Region(points, "a") for points in found]
    targets = region_targets(regions, SIZE)
    inner, outer, threshold = drawn_slowly(regions)
    # OpenCV cuts outlines at the middles of rows, and fills the pixels that one touches: a steep one two in a row
    for drawn, signed in ((targets.shrink, inner), (targets.threshold_mask, outer)):
        assert (drawn[signed < -0.75] == 1).all()
        assert (drawn[signed > 2] == 0).all()
    assert np.abs(targets.threshold - threshold).max() < 1e-3
    assert (targets.shrink_mask == 1).all()


def test_values_ranges_and_types() -> None:
    targets = region_targets([Region(box(20, 20, 60, 20), "a")], SIZE)
    assert all(t.shape == SIZE and t.dtype == np.float32 for t in targets)
    assert targets.shrink[30, 50] == 1
    assert targets.shrink[22, 50] == 0
    assert targets.threshold[20, 50] == pytest.approx(0.7)
    assert targets.threshold[58, 50] == pytest.approx(0.3)
    assert (
        region_targets([Region(box(20, 20, 60, 20), "a")], SIZE, threshold_range=(0, 1)).threshold.max() == 1
    )
    larger = region_targets([Region(box(20, 20, 60, 20), "a")], SIZE, shrink_ratio=0.8)
    assert larger.shrink.sum() > targets.shrink.sum()


@pytest.mark.parametrize(
    ("region", "learnt"),
    [
        (Region(box(20, 20, 60, 20), "###", True), False),
        (Region(box(20, 20, 60, 7), "a"), False),
        (Region(box(20, 20, 60, 9), "a"), True),
        (Region(((20, 20), (60, 20), (20, 20), (60, 20)), "a"), False),
    ],
    ids=["ignored", "too small", "just large enough", "no area"],
)
def test_what_is_not_learnt_is_masked(region: Region, learnt: bool) -> None:
    targets = region_targets([region], SIZE)
    assert bool(targets.shrink.any()) == learnt
    assert bool((targets.shrink_mask == 1).all()) == learnt
    assert targets.threshold_mask.any() == (not region.ignored and region.points[2][0] != 20)


def test_a_photo_without_text_is_background() -> None:
    targets = region_targets([], SIZE)
    assert targets.shrink.sum() == targets.threshold_mask.sum() == 0
    assert (targets.shrink_mask == 1).all()


def test_the_order_of_the_corners_does_not_matter() -> None:
    points = box(20, 20, 60, 20)
    both = [region_targets([Region(p, "a")], SIZE) for p in (points, points[::-1])]
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(*both, strict=True))


@pytest.mark.parametrize("name", ["vin", "receipts", "scene_words"])
def test_every_real_region_has_its_place_in_the_maps(data_dir: Path, name: str) -> None:
    for sample in load_file(data_dir / name / "det_gt_val.txt", tasks=("detection",))[:10]:
        regions = regions_of(sample.text)
        targets = region_targets(regions, (1152, 1152))
        learnt = [r for r in regions if not r.ignored and np.ptp(np.array(r.points), axis=0).min() >= 8]
        assert bool(targets.shrink.sum()) == bool(learnt)
        for region in learnt:
            x, y = np.rint(np.mean(region.points, axis=0)).astype(int)
            assert targets.shrink[y, x] == 1
        assert targets.threshold.min() == np.float32(0.3)
        assert targets.threshold.max() <= np.float32(0.7) + 1e-6


def test_targets_of_photos_are_stacked_with_and_without_text() -> None:
    batch = stack_targets([region_targets([Region(box(9, 9, 50, 20), "a")], SIZE), region_targets([], SIZE)])
    assert isinstance(batch, RegionTargets)
    assert batch.shrink.shape == (2, *SIZE)
    assert batch.shrink[0].any()
    assert not batch.shrink[1].any()
