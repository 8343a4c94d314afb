"""A picture is drawn for every page, whatever its boxes and texts; that it is PaddleX's is in test_page."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.inference import pretrained
from serve.reading import visualize
from serve.reading.page import Page, PageLine, PageOptions
from train.data.geometry.detection import DetectionParameters

OPTIONS = PageOptions(DetectionParameters(), DetectionParameters(), orientation=False)
POINT = st.tuples(st.integers(-9, 130), st.integers(-9, 90))


def page(*lines: tuple[str, list[tuple[int, int]]]) -> Page:
    found = [PageLine(text, 0.9, np.array(quad, np.int32)) for text, quad in lines]
    return Page(OPTIONS, [line.quad for line in found], [-1] * len(found), found)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.text(max_size=30), st.lists(POINT, min_size=4, max_size=4)), max_size=4))
def test_any_page_is_drawn(lines: list[tuple[str, list[tuple[int, int]]]]) -> None:
    image = np.full((80, 120, 3), 200, np.uint8)
    drawn = visualize.draw(image, page(*lines))
    assert drawn.shape == (80, 240, 3)
    assert (image == 200).all()


@pytest.mark.parametrize(("x", "y"), [(120, 0), (0, 80), (-4, 0), (0, -4)])
def test_a_box_on_the_edge_or_outside_is_no_error(x: int, y: int) -> None:
    image = np.full((80, 120, 3), 200, np.uint8)
    outside = [(x, y), (x, y + 2), (x + 2, y + 2), (x + 2, y)]
    drawn = visualize.draw(image, page(("", outside)))
    assert (drawn[:, 120:] == 255).all()


def test_the_text_stands_beside_its_box() -> None:
    image = np.full((80, 120, 3), 200, np.uint8)
    drawn = visualize.draw(image, page(("HELLO", [(20, 20), (100, 20), (100, 50), (20, 50)])))
    left, right = drawn[:, :120], drawn[:, 120:]
    assert (left[:19] == 200).all()
    assert (left[30, 30] != 200).any()
    assert (right[:19] == 255).all()
    assert (right[21:49, 21:99] < 128).all(axis=2).sum() > 50  # black letters


def test_without_the_font_pillows_own_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "find_font", lambda: None)
    visualize._load_font.cache_clear()
    try:
        drawn = visualize.draw(
            np.zeros((80, 120, 3), np.uint8), page(("AB 中", [(9, 9), (99, 9), (99, 40), (9, 40)]))
        )
    finally:
        visualize._load_font.cache_clear()
    assert (drawn[10:39, 130:218] < 128).all(axis=2).any()


def test_a_jpeg_comes_out() -> None:
    data = visualize.draw_jpeg(np.zeros((50, 60, 3), np.uint8), page())
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape == (50, 120, 3)
