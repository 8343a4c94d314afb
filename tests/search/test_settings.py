"""Settings of a study: durations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.settings import parse_duration
from train.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        (" 30m ", 1800),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("1h0m5s", 3605),
        (".5m", 30),
    ],
)
def test_a_duration_is_read_with_its_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_every_whole_duration_is_read(hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == 3600 * hours + 60 * minutes + seconds


@pytest.mark.parametrize("text", ["", " ", "m", "30 m", "30x", "-30m", "30m1h", "1.2.3h", ".", "1e3"])
def test_other_durations_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="90s, 30m or 1h30m"):
        parse_duration(text)
