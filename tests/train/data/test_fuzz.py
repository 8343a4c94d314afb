"""A few hundred broken files; thousands more by hand: `python -m tests.train.data.fuzz`."""

from tests.train.data.fuzz import fuzz


def test_nothing_from_outside_ends_in_a_traceback() -> None:
    assert fuzz(250, seed=1) == []
