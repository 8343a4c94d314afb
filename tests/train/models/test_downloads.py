"""Libraries make their folders when they are imported: a home that cannot be written is no reason to end."""

import os
from pathlib import Path

import pytest

from train.models.downloads import CACHES, find_room_for_downloads


@pytest.mark.parametrize("variable", CACHES)
def test_there_is_a_folder_that_can_be_written(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in CACHES:
        monkeypatch.setenv(name, "mine")  # all are put back afterwards
    monkeypatch.setenv("HOME", "/proc/self")
    find_room_for_downloads()
    assert os.environ[variable] == "mine"
    del os.environ[variable]
    find_room_for_downloads()
    assert os.access(os.environ.pop(variable), os.W_OK)
    monkeypatch.setenv("HOME", str(tmp_path))
    find_room_for_downloads()
    assert variable not in os.environ
    monkeypatch.setenv(variable, "")
