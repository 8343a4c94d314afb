"""A file or folder appears whole, or what was there stays; no draft is left."""

import errno
import fcntl
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from train.errors import CheckpointError, UsageError
from train.system.files import (
    LEFT_S,
    locked,
    make_folder,
    read_json,
    read_valid,
    remove_left,
    replace_file,
    replace_folder,
    require_room,
    write_new,
    write_whole,
)


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_and_its_folder_made(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "deep" / "state.json"
    write_whole(path, "ä", durable=durable)
    write_whole(path, b"\xc3\xa9", durable=durable)
    assert path.read_text(encoding="utf-8") == "é"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(("number", "written"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_a_file_system_that_cannot_wait_for_its_disk_is_used_and_a_broken_disk_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, written: bool
) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.fsync", fsync)
    with nullcontext() if written else pytest.raises(OSError, match=os.strerror(number)):
        write_whole(tmp_path / "state.json", "{}", durable=True)
    assert (tmp_path / "state.json").exists() == written


def test_a_new_file_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    write_new(path, "mine")
    with pytest.raises(FileExistsError):
        write_new(path, "other")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["mine"]


def test_a_damaged_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "clock.json"
    write_whole(path, '{"a": "ä"}')
    assert read_json(path, "delete it", dict) == {"a": "ä"}
    assert read_valid(path, "delete it", TypeAdapter(dict[str, str])) == {"a": "ä"}
    for damaged in (b"", b'{"a": "', b'{"a": "\xe4"}', b"null", b"[]", b"7"):
        write_whole(path, damaged)
        for read in (
            lambda: read_json(path, "delete it", dict),
            lambda: read_valid(path, "delete it", TypeAdapter(dict[str, str])),
        ):
            with pytest.raises(CheckpointError, match=r"must be whole, got .*clock\.json: .*; delete it"):
                read()
    with pytest.raises(CheckpointError, match=r"7, not a list"):
        read_json(path, "delete it", list)


@pytest.mark.parametrize("durable", [False, True])
def test_a_folder_is_replaced_with_all_that_it_held(tmp_path: Path, durable: bool) -> None:
    directory = tmp_path / "deep" / "checkpoint"
    for name in ("old", "new"):
        with replace_folder(directory, durable=durable) as draft:
            (draft / "inside").mkdir()
            (draft / name).write_text(name)
    assert {path.name for path in directory.iterdir()} == {"inside", "new"}
    assert list(directory.parent.iterdir()) == [directory]


def test_a_folder_that_is_replaced_is_never_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was killed between two renames left no checkpoint under its name."""

    def rename(*paths: Path) -> None:
        raise NotImplementedError

    directory = tmp_path / "checkpoint"
    directory.mkdir()
    monkeypatch.setattr("os.replace", rename)
    try:
        with replace_folder(directory) as draft:
            (draft / "new").write_text("new")
    except NotImplementedError:
        pytest.skip("names are not swapped on this file system")
    assert [path.name for path in directory.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [directory]


def test_drafts_of_killed_processes_go_and_those_under_way_stay(tmp_path: Path) -> None:
    old, recent = time.time() - 2 * LEFT_S, time.time()
    others = [".curl.partial", ".b.0123.partial", ".0123abcd.partial", "c.0123abcd.partial", ".d"]
    for name in (".a.arrow.0123abcd.partial", ".b.arrow.0123abcd.partial", *others):
        (tmp_path / name).write_text("half")
    for name in (".last.0123abcd.partial", ".best.0123abcd.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.npz").write_text("half")
    with make_folder(tmp_path / "asleep") as draft:
        for path in (*tmp_path.glob("*/*"), *tmp_path.iterdir()):
            os.utime(path, (old, old))
        os.utime(tmp_path / ".b.arrow.0123abcd.partial", (recent, recent))
        os.utime(tmp_path / ".best.0123abcd.partial" / "state.npz", (recent, recent))
        remove_left(tmp_path)
        kept = {".b.arrow.0123abcd.partial", ".best.0123abcd.partial", draft.name}
        assert {path.name for path in tmp_path.iterdir()} == {*others, *kept}


def test_a_disk_without_room_is_as_full(tmp_path: Path) -> None:
    require_room(tmp_path, 1)
    with pytest.raises(OSError, match="No space left") as raised:
        require_room(tmp_path, 2**60)
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(tmp_path))


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
