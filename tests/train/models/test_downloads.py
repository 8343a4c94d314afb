"""Libraries make their folders when they are imported: a home that cannot be written is no reason to end."""

import os
from pathlib import Path

import pytest

from train.engines.paddlepaddle.export import writable_home
from train.models.weights.downloads import CACHES, find_room_for_downloads


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


@pytest.mark.parametrize("home", ["/proc/self", None])
def test_paddle_has_a_home_to_trace_in(
    home: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", home or str(tmp_path))
    with writable_home():
        assert os.access(Path.home(), os.W_OK)
        assert (Path.home() == tmp_path) == (home is None)
    assert os.environ["HOME"] == (home or str(tmp_path))
