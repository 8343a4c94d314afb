"""One search at a time works on a study."""

import fcntl
import threading
from pathlib import Path

import pytest

from search.storage.lock import LOCK, hold, is_held
from train.errors import UsageError


def test_a_second_search_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with hold(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(UsageError, match="one search at a time") as raised:
            hold(tmp_path)
    assert raised.value.exit_status == 2
    assert not is_held(tmp_path)
    hold(tmp_path).close()


def test_who_only_looks_keeps_nobody_from_searching(tmp_path: Path) -> None:
    with (tmp_path / LOCK).open("a", encoding="utf-8") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.3, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        hold(tmp_path).close()
