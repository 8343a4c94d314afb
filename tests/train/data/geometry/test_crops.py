"""The order of boxes and the pixels of their crops are PaddleX's."""

from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train.config import TrialConfig
from train.cut import Cut
from train.data import images
from train.data.geometry.crops import crop, cut, outline, part_of, sort_boxes, turned
from train.data.geometry.rectangles import smallest_rectangle
from train.tasks.recognition import Recognition

Quads = npt.NDArray[np.int32]


def quads(seed: int, count: int, side: int = 200) -> Quads:
    """Return quads in a detector's corner order, many on about the same line, some tall, some slanted."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        left, top = rng.integers(0, side, 2)
        width, height = rng.integers(1, 90), rng.integers(1, 40)
        if rng.random() < 0.2:
            width, height = height, width
        slant = int(rng.integers(-6, 7))
        corners = [
            [left, top],
            [left + width, top + slant],
            [left + width, top + height + slant],
            [left, top + height],
        ]
        found.append(np.clip(corners, 0, side))
    return np.array(found, np.int32).reshape(-1, 4, 2)


@settings(max_examples=150)
@given(st.integers(0, 10**6), st.integers(0, 30))
def test_the_reading_order_is_paddlexs(seed: int, count: int) -> None:
    from paddlex.inference.pipelines.components import SortQuadBoxes

    found = quads(seed, count)
    expected = SortQuadBoxes()(found.astype(np.int16))
    assert np.array_equal(np.array(sort_boxes(list(found))), np.array(expected))


@settings(max_examples=100)
@given(st.integers(0, 10**6))
def test_a_crop_is_paddlexs(seed: int) -> None:
    from paddlex.inference.pipelines.components import CropByPolys

    image = np.random.default_rng(seed).integers(0, 256, (200, 200, 3), np.uint8)
    for quad in quads(seed, 4):
        found = crop(image, quad)
        if found.size:
            assert np.array_equal(found, CropByPolys("quad")(image, [quad.astype(np.int16)])[0])
            assert found.flags.c_contiguous


@pytest.mark.parametrize(
    "quad", [[[5, 5]] * 4, [[5, 5], [50, 5], [50, 5], [5, 5]], [[0, 0], [0, 0], [0, 90], [0, 90]]]
)
def test_a_box_without_area_has_no_crop_and_is_left_out(quad: Any) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    whole = np.array([[0, 0], [40, 0], [40, 9], [0, 9]], np.int32)
    assert crop(image, np.array(quad, np.int32)).shape == (0, 0, 3)
    kept, lines = cut(image, np.array([quad, whole], np.int32))
    assert [k.tolist() for k in kept] == [whole.tolist()]
    assert [line.shape for line in lines] == [(9, 40, 3)]


def test_a_tall_crop_is_turned_to_the_left() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, 20] = 255  # a line down the left side of the box
    found = crop(image, np.array([[20, 0], [30, 0], [30, 50], [20, 50]], np.int32))
    assert found.shape == (10, 50, 3)
    assert found[-1].min() == 255


def test_a_page_without_boxes() -> None:
    assert cut(np.zeros((9, 9, 3), np.uint8), np.zeros((0, 4, 2), np.int32)) == ([], [])


def test_corners_go_round_from_the_top_left() -> None:
    points = np.array([[30, 2], [2, 0], [30, 12], [2, 10]], np.int32)
    corners, side = smallest_rectangle(points)
    assert corners[0].sum() == corners.sum(axis=1).min()
    assert np.cross(corners[1] - corners[0], corners[2] - corners[1]) > 0
    assert 9 < side < 11


@pytest.mark.parametrize(("height", "width", "turns"), [(60, 40, True), (59, 40, False), (20, 100, False)])
def test_an_upright_line_is_turned_as_a_crop_is(height: int, width: int, turns: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.int32)
    assert np.array_equal(turned(image), np.rot90(image) if turns else image)
    assert turned(image).shape == crop(image, corners).shape
    kept = Recognition.stored_as(TrialConfig(upright="turn"))
    assert (
        kept.prepare(image).shape[:2]
        == kept.size(height, width)
        == images.resize_line(turned(image)).shape[:2]
    )
    assert Recognition.stored_as(TrialConfig()) is Recognition.stored


ROOMY = Cut(along=0.5, across=0.25, direct=True)


def test_a_direct_crop_is_the_line_at_the_readers_height_with_its_margins() -> None:
    image = np.zeros((120, 400, 3), np.uint8)
    image[40:60, 100:300] = 255
    line = crop(image, np.array([[100, 40], [300, 40], [300, 60], [100, 60]], np.int32), ROOMY)
    assert line.shape == (images.HEIGHT_PX, 352, 3)  # 220 x 30 px of the photo
    bright = np.argwhere(line[:, :, 0] > 127)
    assert bright.min(axis=0).tolist() == [8, 16]
    assert bright.max(axis=0).tolist() == [39, 335]
    assert images.resize_line(line) is not None
    assert np.array_equal(images.resize_line(line), line)


def test_a_direct_crop_averages_what_it_shrinks() -> None:
    stripes = np.zeros((240, 720, 3), np.uint8)
    stripes[:, ::2] = 255
    whole = np.array([[0, 0], [720, 0], [720, 240], [0, 240]], np.int32)
    assert np.ptp(crop(stripes, whole, Cut(direct=True))[:, 2:-2].astype(int)) < 60
    assert np.ptp(images.resize_line(crop(stripes, whole)).astype(int)) > 200


def test_a_tall_direct_crop_is_turned_as_paddlexs() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, 20:22] = 255
    quad = np.array([[20, 0], [30, 0], [30, 50], [20, 50]], np.int32)
    line = crop(image, quad, Cut(direct=True))
    assert line.shape == (48, 240, 3)
    assert line[-7:-3].min() > 200
    assert line[:24].max() == 0
    assert np.allclose(outline(quad, Cut(along=1)), [[20, -10], [30, -10], [30, 60], [20, 60]])


@pytest.mark.parametrize(("degrees", "stands"), [(0.0, True), (3.0, True), (6.0, False), (93.0, True)])
def test_a_box_that_is_hardly_tilted_is_taken_as_upright(degrees: float, stands: bool) -> None:
    turn = np.radians(degrees)
    along, down = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    middle = np.array([200, 200])
    quad = np.rint([middle + a * 90 * along + b * 12 * down for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    corners = outline(quad, Cut(level_degrees=4))
    assert (len({*corners[:, 0].tolist()}) == 2) == stands


@given(st.integers(0, 10**6), st.floats(-0.5, 2), st.floats(-0.4, 2), st.booleans())
@settings(max_examples=60)
def test_any_cut_of_any_box_is_a_line_or_empty(seed: int, along: float, across: float, quad: bool) -> None:
    shape: Literal["quadrilateral", "rectangle"] = "quadrilateral" if quad else "rectangle"
    how = Cut(along=along, across=across, shape=shape, level_degrees=5, direct=True)
    image = np.random.default_rng(seed).integers(0, 256, (200, 200, 3), np.uint8)
    for one in quads(seed, 4):
        line = crop(image, one, how)
        assert not line.size or line.shape[0] == 48 or images.too_long(*line.shape[:2])


@pytest.mark.parametrize(
    "how", [Cut(), Cut(along=0.5), Cut(along=-0.3, level_degrees=5), Cut(direct=True)], ids=str
)
@pytest.mark.parametrize("tall", [False, True])
def test_a_part_of_a_line_is_where_its_crop_shows_it(how: Cut, tall: bool) -> None:
    """A mark in the line is looked for in its crop, and found again around the middle of the part."""
    for start in (0.25, 0.4, 0.6):
        image = np.zeros((220, 220, 3), np.uint8)
        quad = np.array([[20, 60], [200, 66], [199, 96], [19, 90]], np.int32)
        x, y = (np.array([quad[0], quad[3]]).mean(axis=0) + start * (quad[1] - quad[0])).astype(int)
        image[y - 4 : y + 5, x - 4 : x + 5] = 255
        if tall:  # as a line that runs downwards
            image = np.ascontiguousarray(np.rot90(image, -1))
            quad = np.roll(np.stack([219 - quad[:, 1], quad[:, 0]], axis=1), -3, axis=0).astype(np.int32)
        line = crop(image, quad, how)
        middle = np.flatnonzero(line[..., 0].max(axis=0) > 128).mean() + 0.5
        corners = part_of(quad, (middle - 3) / line.shape[1], (middle + 3) / line.shape[1], how)
        ink = np.argwhere(image[..., 0] > 128).mean(axis=0)[::-1]
        assert np.abs(corners.mean(axis=0) - ink).max() < 2.5, (corners, ink)
        assert np.array_equal(part_of(quad, 0, 1, Cut()).min(axis=0), outline(quad).round().min(axis=0))


@pytest.mark.parametrize("how", [Cut(), Cut(direct=True)])
@pytest.mark.parametrize("upright", [False, True])
def test_a_picture_that_is_longer_than_opencv_warps_is_cut_as_any_other(how: Cut, upright: bool) -> None:
    """A scrolled screen is 40,000 pixels high."""
    strip = cv2.blur(np.random.default_rng(0).integers(0, 256, (60, 300, 3), np.uint8), (5, 5))
    quad = np.array([[40, 10], [240, 14], [239, 44], [39, 40]], np.int32)
    far = np.array([39_000, 0], np.int32)
    image = np.zeros((60, 40_000, 3), np.uint8)
    image[:, far[0] : far[0] + 300] = strip
    if upright:
        image, strip = (np.ascontiguousarray(one.transpose(1, 0, 2)) for one in (image, strip))
        quad, far = quad[::-1, ::-1], far[::-1]
    whole, found = crop(strip, quad, how), crop(image, quad + far, how)
    assert np.abs(whole.astype(int) - found).max() <= 4, "places are rounded to a thirtysecond of a pixel"


def test_a_line_that_is_longer_than_opencv_warps_is_cut_whole() -> None:
    image = np.zeros((200, 36_000, 3), np.uint8)
    image[:, 18_000:] = 255
    line = crop(image, np.array([[0, 0], [36_000, 0], [36_000, 200], [0, 200]], np.int32))
    assert line.shape == (200, 36_000, 3)
    assert (line[:, :17_990] == 0).all()
    assert (line[:, 18_010:] == 255).all()
