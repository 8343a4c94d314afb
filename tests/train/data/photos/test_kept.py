"""Photos as they are kept, and their regions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.photos.kept import LONGEST_PX, move_regions, photo_size, shrink_photo
from train.data.photos.regions import Region

sides = st.integers(1, 3000)


@given(sides, sides)
def test_large_photos_shrink_and_small_ones_stay(height: int, width: int) -> None:
    kept = photo_size(height, width)
    assert max(kept) == min(LONGEST_PX, max(height, width))
    assert kept == (height, width) or max(height, width) > LONGEST_PX
    assert photo_size(*kept) == kept


def test_the_pixels_are_of_that_size() -> None:
    small = np.zeros((40, 60, 3), np.uint8)
    assert shrink_photo(small) is small
    large = np.zeros((2000, 1501, 3), np.uint8)
    assert shrink_photo(large).shape == (*photo_size(2000, 1501), 3)


def test_regions_go_with_the_photo_and_come_back() -> None:
    regions = (Region(((0.0, 0.0), (1600.0, 0.0), (1600.0, 1200.0), (0.0, 1200.0)), "a", True),)
    there = move_regions(regions, (1200, 1600), (864, 1152))
    assert there[0].points[2] == pytest.approx((1152, 864))
    assert (there[0].text, there[0].ignored) == ("a", True)
    assert np.allclose(move_regions(there, (864, 1152), (1200, 1600))[0].points, regions[0].points)
