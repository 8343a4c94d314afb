"""paddlex makes its folder when it is imported: a home that cannot be written is no reason to end."""

import os
from pathlib import Path

import pytest

from train.models.downloads import CACHE, find_room_for_downloads


@pytest.mark.parametrize(
    ("home", "cache", "found"), [("/proc/self", None, True), (".", None, False), ("x", "y", "y")]
)
def test_paddlex_has_a_folder_that_can_be_written(
    home: str, cache: str | None, found: bool | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE, cache or "")  # is put back afterwards
    if cache is None:
        monkeypatch.delenv(CACHE)
    monkeypatch.setenv("HOME", str(tmp_path / home))
    find_room_for_downloads()
    if isinstance(found, str):
        assert os.environ[CACHE] == found
    elif found:
        assert os.access(os.environ[CACHE], os.W_OK)
    else:
        assert CACHE not in os.environ
    os.environ.pop(CACHE, None)
