"""Labelled words that a detector finds in one box are one line to learn; what is not labelled whole is none."""

from collections.abc import Sequence

import numpy as np
import pytest

from train.data.photos.regions import Region
from train.sets.joined_words import join_words

BOX = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], np.int32)


def word(left: float, right: float, text: str, top: float = 2, bottom: float = 18) -> Region:
    return Region(((left, top), (right, top), (right, bottom), (left, bottom)), text, text == "###")


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        ([word(55, 98, "B"), word(2, 45, "A")], ["A B"]),
        ([word(2, 98, "A")], []),
        ([word(2, 45, "A"), word(55, 98, "###")], []),  # half of it cannot be told
        ([word(2, 45, "A"), word(55, 98, "")], []),
        ([word(2, 30, "A"), word(34, 50, "B")], []),  # something else stands behind them
        ([word(2, 98, "A", 0, 9), word(2, 98, "B", 11, 20)], []),  # two lines
        ([word(2, 45, "אב"), word(55, 98, "גד")], []),
        ([word(2, 45, "A"), word(90, 160, "B")], []),  # the box cuts it off
    ],
)
def test_words_of_one_line_are_joined(regions: Sequence[Region], expected: list[str]) -> None:
    joined = list(join_words([BOX, BOX], regions))  # a word belongs to one line
    assert [one.text for one in joined] == expected
    for one in joined:
        assert one.places == (1, 0)
        assert np.array_equal(one.corners, [[2, 2], [98, 2], [98, 18], [2, 18]])


def test_words_of_a_line_that_runs_downwards_begin_at_its_top() -> None:
    def down(region: Region) -> Region:
        return Region(tuple((20 - y, x) for x, y in region.points), region.text)

    turned = np.array([[0, 0], [20, 0], [20, 100], [0, 100]], np.int32)
    (one,) = join_words([turned], [down(word(55, 98, "B")), down(word(2, 45, "A"))])
    assert one.text == "A B"
