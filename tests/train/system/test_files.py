"""A file or folder appears whole, or what was there stays; no draft is left."""

import errno
import fcntl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from train.errors import UsageError
from train.system.files import locked, make_folder, replace_file, replace_folder, write_new, write_whole


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "deep" / "state.json"
    write_whole(path, "ä", durable=durable)
    write_whole(path, b"\xc3\xa9", durable=durable)
    assert path.read_text(encoding="utf-8") == "é"
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    write_new(path, "mine")
    with pytest.raises(FileExistsError):
        write_new(path, "other")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["mine"]


def test_a_folder_is_replaced_with_all_that_it_held(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "checkpoint"
    for name in ("old", "new"):
        with replace_folder(directory) as draft:
            (draft / name).write_text(name)
    assert [path.name for path in directory.iterdir()] == ["new"]
    assert list(directory.parent.iterdir()) == [directory]


def test_a_made_folder_takes_an_empty_place_alone(tmp_path: Path) -> None:
    directory = tmp_path / "images"
    directory.mkdir()
    with make_folder(directory) as draft:
        (draft / "first").write_text("first")
    with pytest.raises(OSError, match="not empty"), make_folder(directory) as draft:
        (draft / "second").write_text("second")
    assert [path.name for path in directory.iterdir()] == ["first"]
    assert list(tmp_path.iterdir()) == [directory]


@pytest.mark.parametrize("place", [replace_file, replace_folder, make_folder])
def test_an_error_leaves_what_was_there(
    tmp_path: Path, place: Callable[[Path], AbstractContextManager[Path]]
) -> None:
    def fail(draft: Path) -> None:
        (draft if place is replace_file else draft / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), place(tmp_path / "whole") as draft:
        fail(draft)
    assert list(tmp_path.iterdir()) == []


def test_one_holds_a_folder_at_a_time(tmp_path: Path) -> None:
    def count(_: int) -> None:
        with locked(tmp_path / "shared"):
            before = int(path.read_text()) if path.exists() else 0
            path.write_text(str(before + 1))

    path = tmp_path / "count"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(200)))
    assert path.read_text() == "200"


def test_a_file_system_without_locks_is_said_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(UsageError, match="must be on a file system with locks"), locked(tmp_path):
        pytest.fail("others may write there, too")
    with locked(tmp_path, wait=False):
        pass
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}: its file system has no locks; see to it that nothing else writes there meanwhile"
    ]
