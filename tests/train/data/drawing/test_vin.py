import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.drawing import vin


@pytest.mark.parametrize("known", ["11111111111111111", "1M8GDM9AXKP042788", "5GZCZ43D13S812715"])
def test_published_examples_are_valid(known: str) -> None:
    assert vin.is_valid(known)


@pytest.mark.parametrize("wrong", ["", "1M8GDM9A0KP042788", "1M8GDM9AXKP04278", "IM8GDM9AXKP042788"])
def test_wrong_digit_length_and_alphabet_are_refused(wrong: str) -> None:
    assert not vin.is_valid(wrong)


@given(st.integers(0, 2**32))
def test_random_ones_are_valid(seed: int) -> None:
    assert vin.is_valid(vin.random_vin(np.random.default_rng(seed)))


@given(st.text(vin.ALPHABET, min_size=17, max_size=17))
def test_the_check_digit_does_not_depend_on_itself(text: str) -> None:
    digit = vin.check_digit(text)
    assert vin.is_valid(text[:8] + digit + text[9:])
    assert sum(vin.is_valid(text[:8] + other + text[9:]) for other in "0123456789X") == 1
