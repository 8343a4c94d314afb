"""Work that takes little of the time."""

import pytest

from search.storage import pace
from search.storage.pace import SHARE, Pace


def test_work_rests_the_longer_the_more_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(pace.time, "monotonic", lambda: now)
    every = Pace()
    assert every.due
    with every.work():
        now += 2.0
    assert not every.due
    now += 2.0 / SHARE - 0.1
    assert not every.due
    now += 0.2
    assert every.due
