"""Words and their boxes are PaddleX's, for any text that a recogniser may write."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.inference.recogniser import Reading
from serve.reading.page import PageOptions, assemble, make_pruned_result
from serve.reading.words import (
    HAN,
    LATIN,
    OTHER,
    count_steps,
    find_upright_boxes,
    find_word_boxes,
    split_words,
)
from train.cut import Cut
from train.data.geometry.detection import DetectionParameters
from train.reading.words import Word

TEXTS = st.text(st.sampled_from("ab9Z.-, /:é中文字（ ß"), max_size=14)


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, list[int], int]:
    """Draw a text, the output step of each character, and the number of steps."""
    text = draw(TEXTS)
    columns: list[int] = []
    for _ in text:
        columns.append((columns[-1] if columns else -1) + draw(st.integers(1, 5)))
    return text, columns, (columns[-1] if columns else 0) + draw(st.integers(1, 10))


@settings(max_examples=400)
@given(lines(), st.tuples(*[st.integers(1, 90)] * 4), st.booleans(), st.floats(0.3, 1))
def test_words_and_boxes_are_paddlexs(
    line: tuple[str, list[int], int], box: tuple[int, int, int, int], tall: bool, share: float
) -> None:
    from paddlex.inference.models.text_recognition.processors import BaseRecLabelDecode
    from paddlex.inference.pipelines.components import cal_ocr_word_box

    text, columns, steps = line
    left, top, a, b = box
    width, height = (min(a, b), max(a, b)) if tall else (max(a, b), min(a, b))
    corners = [[left, top], [left + width, top + 1], [left + width, top + height + 1], [left, top + height]]
    quad = np.array(corners, np.int32)
    selection = np.zeros(steps, bool)
    selection[columns] = True
    grouped = BaseRecLabelDecode().get_word_info(text, selection)
    expected = cal_ocr_word_box(text, quad.astype(np.int16), [steps * share, *grouped])
    assert find_word_boxes(text, columns, steps * share, quad) == (expected[0], expected[1])


def test_words_end_where_the_kind_changes() -> None:
    found = split_words("VGG-16 3.5. 中文a", range(13))
    assert [(word.kind, word.text) for word in found] == [
        (LATIN, "VGG-16"),
        (OTHER, " "),
        (LATIN, "3.5"),
        (OTHER, ". "),
        (HAN, "中文"),
        (LATIN, "a"),
    ]
    assert found[2].columns == (7, 8, 9)


@pytest.mark.parametrize(
    ("width_px", "padded_px", "steps", "expected"),
    [(160, 320, 40, 20.0), (320, 320, 40, 40.0), (501, 501, 62, 62.0), (501, 512, 64, 64 * 501 / 512)],
)
def test_padding_takes_its_share_of_the_steps(
    width_px: int, padded_px: int, steps: int, expected: float
) -> None:
    assert count_steps(steps, padded_px, 48, width_px) == pytest.approx(expected)


def test_an_empty_line_has_no_words() -> None:
    assert find_word_boxes("", (), 10.0, np.array([[0, 0], [9, 0], [9, 4], [0, 4]], np.int32)) == ([], [])


def test_a_page_without_lines_has_no_upright_boxes() -> None:
    assert find_upright_boxes([]) == []


def test_words_from_right_to_left_stand_where_they_are_and_are_read_in_their_order() -> None:
    quad = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], np.int32)
    texts, boxes = find_word_boxes("12 םולש", range(7), 10.0, quad)
    assert texts in (["12", "שלום "], ["12", " שלום"])
    assert [box[0][0] for box in boxes] == [0, 20]


def test_each_word_of_a_divided_line_says_where_it_is_cut_and_which_line_it_is_of() -> None:
    """Its picture and whether that stands on its head go into a correction."""
    how = Cut(words=True, along=0.2, direct=True)
    options = PageOptions(DetectionParameters(), DetectionParameters(), orientation=True, words=True, cut=how)
    quads = [np.array([[0, y], [100, y], [100, y + 20], [0, y + 20]], np.int32) for y in (0, 40)]
    two = (Word(0, 0.5, Reading("AB", 1.0)), Word(0.5, 1, Reading("CD", 1.0)))
    readings = [
        Reading("中文", 1.0, (2, 12), 20, 160, picture="中文", words=(Word(0, 1, Reading("中文", 1.0)),)),
        Reading("AB CD", 1.0, (1, 4, 10, 14, 16), 20, 160, picture="AB CD", words=two),
    ]
    told = make_pruned_result(assemble(options, quads, [(20, 100)] * 2, [0, 1], readings))
    assert told["rec_texts"] == ["中文", "AB", "CD"]
    assert told["rec_lines"] == [0, 1, 1]
    assert [[corners[0][0], corners[1][0]] for corners in told["rec_cuts"]] == [
        pytest.approx([-4, 104]),
        pytest.approx([46, 104], abs=1),
        pytest.approx([-4, 54], abs=1),
    ]
    assert told["text_word"] == [["中", "文"], ["AB"], ["CD"]]
