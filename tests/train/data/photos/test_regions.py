"""The label of a photo as text: one form, and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.photos.regions import Region, as_region, clockwise, doubled_area, label_of, regions_of
from train.errors import DataError

numbers = st.floats(-1e4, 1e4).map(lambda value: value + 0.0)
regions = st.builds(
    Region,
    st.lists(st.tuples(numbers, numbers), min_size=3, max_size=9).map(tuple),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.booleans(),
)


@given(st.lists(regions.filter(lambda r: r.ignored or r.text != "###"), max_size=4))
def test_a_label_says_exactly_what_the_regions_are(found: list[Region]) -> None:
    label = label_of(found)
    assert regions_of(label) == tuple(found)
    assert label_of(regions_of(label)) == label
    assert "\t" not in label
    assert "\n" not in label


def test_one_spelling_for_equal_labels() -> None:
    spelt = '[ {"points": [[1.0, 2], [3, 2], [3, 4.50], [1, 4]], "transcription": "é", "score": 1} ]'
    short = '[{"transcription":"é","points":[[1,2],[3,2],[3,4.5],[1,4]]}]'
    assert label_of(regions_of(spelt)) == short


def test_what_is_ignored() -> None:
    points = [[0, 0], [9, 0], [9, 9], [0, 9]]
    items = [
        {"transcription": "###", "points": points},
        {"transcription": "A", "points": points, "difficult": True},
        {"transcription": "###a", "points": points, "difficult": False},
    ]
    assert [r.ignored for r in regions_of(json.dumps(items))] == [True, True, False]
    assert [as_region([0, 0, 9, 0, 9, 9, 0, 9], text).ignored for text in ("###", "#")] == [True, False]


@pytest.mark.parametrize(
    "label",
    [
        "",
        "[",
        "{}",
        "[1]",
        '[{"points":[[1,2]]}]',
        '[{"transcription":1,"points":[]}]',
        '[{"transcription":"a"}]',
        '[{"transcription":"a","points":[1,2]}]',
        '[{"transcription":"a","points":[[1,2,3]]}]',
        '[{"transcription":"a","points":[[1,NaN]]}]',
        '[{"transcription":"a","points":[[1,true]]}]',
        '[{"transcription":"a","points":[["1",2]]}]',
    ],
)
def test_anything_else_is_refused_with_its_place(label: str) -> None:
    with pytest.raises(DataError, match=r"list\.txt:7"):
        regions_of(label, "list.txt:7")


@given(st.permutations([(0.0, 0.0), (8.0, 1.0), (9.0, 6.0), (1.0, 5.0)]))
def test_clockwise_keeps_the_first_corner_and_the_neighbours(points: list[tuple[float, float]]) -> None:
    found = clockwise(tuple(points))
    assert found[0] == points[0]
    assert doubled_area(found) >= 0
    assert found in (tuple(points), (points[0], *points[:0:-1]))


def test_area_is_positive_clockwise_on_a_screen() -> None:
    square = ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0))
    assert doubled_area(square) == 8
    assert doubled_area(square[::-1]) == -8
