"""Where images go that are cut out of photos or lie inside other files."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from train.data.folders.notes import collected_notes
from train.data.folders.unpacked import cache_folder, caching_in, unpack
from train.errors import DataError


def content() -> Iterator[tuple[str, bytes]]:
    yield "a.png", b"A"
    yield "b.png", b"B"


def never() -> Iterator[tuple[str, bytes]]:
    raise AssertionError("it is there already")


def test_it_is_made_once_by_however_many_and_anew_for_changed_sources(tmp_path: Path) -> None:
    source = tmp_path / "photo.jpg"
    source.write_bytes(b"1")
    with caching_in(tmp_path / "cache"):
        places = [cache_folder()] * 8

    def make(_: Path) -> Path:
        with caching_in(tmp_path / "cache"):
            return unpack([source], "rule 1", content)

    with ThreadPoolExecutor(8) as pool:
        [folder] = set(pool.map(make, places))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.png": b"A", "b.png": b"B"}
    assert list(folder.parent.iterdir()) == [folder]
    with caching_in(tmp_path / "cache"):
        assert unpack([source], "rule 1", never) == folder
        assert unpack([source], "rule 2", content) != folder
        source.write_bytes(b"12")
        assert unpack([source], "rule 1", content) != folder


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[str, bytes]]:
        yield "a.png", b"A"
        raise DataError("a photo must be readable", "b.jpg", "restore it")

    with caching_in(tmp_path), pytest.raises(DataError, match="readable"):
        unpack([], "", broken)
    assert list((tmp_path / "unpacked").iterdir()) == []


def test_the_users_cache_is_taken_and_a_temporary_folder_where_it_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache" / "ocrtune" / "unpacked"
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with collected_notes() as notes:
        folder = cache_folder()
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o77 == 0
    assert str(folder) in notes[0]
