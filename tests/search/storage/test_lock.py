"""One search at a time works on a study."""

import fcntl
import threading
from pathlib import Path

import pytest

from search.storage.lock import LOCK, hold, is_held, sole_search
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


def test_who_only_looks_keeps_nobody_from_searching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.storage.lock.LOOK_S", 60.0)  # on a busy machine a moment may be long
    with (tmp_path / LOCK).open("a", encoding="utf-8") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.3, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        hold(tmp_path).close()


def test_a_folder_that_was_made_for_the_lock_alone_goes_with_it(tmp_path: Path) -> None:
    with sole_search(tmp_path / "runs" / "refused"):
        assert is_held(tmp_path / "runs" / "refused")
    assert list(tmp_path.iterdir()) == []
    with sole_search(tmp_path / "runs" / "begun"):
        (tmp_path / "runs" / "begun" / "study.json").write_text("{}", encoding="utf-8")
    assert not is_held(tmp_path / "runs" / "begun")
    assert (tmp_path / "runs" / "begun" / "study.json").is_file()


def test_who_waited_for_a_lock_whose_file_went_away_takes_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on a file without a name would keep nobody else from searching."""
    monkeypatch.setattr("search.storage.lock.LOOK_S", 60.0)
    first = hold(tmp_path)

    def end() -> None:
        (tmp_path / LOCK).unlink()
        first.close()

    threading.Timer(0.3, end).start()
    with hold(tmp_path):
        assert is_held(tmp_path)
