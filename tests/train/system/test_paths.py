"""Names and paths from outside: what is taken works everywhere, and all else is refused in a line."""

import os
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.storage.database import sqlite_url
from train.errors import DataError, UsageError
from train.system.paths import (
    NAME_BYTES,
    POINTER,
    folder_name,
    given_path,
    given_place,
    name_after,
    read_utf8,
    require_file,
    require_folder,
    require_readable,
    study_name,
)

BAD = [
    *(
        "",
        ".",
        "..",
        ".hidden",
        "-x",
        " x",
        "x ",
        "a/b",
        "/",
        "/data/x",
        "../x",
        "a\\b",
        "a[1]",
        "a\nb",
        "a\0b",
    ),
    *("\x7f", "\u2028", "\udcff", "n" * (NAME_BYTES + 1), "\u8eca" * 70),
]


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_folder_name_is_no_study_name(name: str) -> None:
    with pytest.raises(UsageError) as raised:
        study_name(name)
    assert len(str(raised.value).splitlines()) == 1
    assert "delete" not in str(raised.value)


def test_a_study_of_an_earlier_version_is_found_by_its_name() -> None:
    assert [folder_name(name) for name in ("a[1]", " x", "-x", ".hidden")] == ["a[1]", " x", "-x", ".hidden"]
    for name in ("", ".", "..", "a/b", "../x", "a\0b"):
        with pytest.raises(UsageError):
            folder_name(name)


@given(st.text(min_size=1, max_size=60))
def test_a_name_that_is_taken_is_one_folder(name: str) -> None:
    try:
        taken = study_name(name)
    except UsageError:
        return
    path = Path("/storage") / taken
    assert os.path.normpath(path) == str(path)
    assert path.parent == Path("/storage")
    assert taken == name
    assert taken.isascii() or name.encode()  # what is written to study.json


@pytest.mark.parametrize(
    "name", ["vin", "a b", "v1.2", "\u8eca\u724c", "na\u0308me", "100%?#{x}", "\U0001f469\u200d\U0001f52c"]
)
def test_any_other_name_is_taken(name: str) -> None:
    assert study_name(name) == name


def test_a_study_is_named_after_the_folder_whatever_is_typed_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plates" / "in").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "plates")
    assert [name_after(data) for data in (".", "./", "in/..", "../plates", "in/")] == [*["plates"] * 4, "in"]
    with pytest.raises(UsageError, match="--name"):
        name_after("/")


def test_the_home_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert given_path("~/runs") == tmp_path / "runs"
    assert given_place("~/runs") == str(tmp_path / "runs")
    assert given_place("s3://bucket/~runs") == "s3://bucket/~runs"
    for text in ("", "a\0b", "~nobody-of-that-name/x", "s3://bucket/texts.csv"):
        with pytest.raises(UsageError):
            given_path(text)


@given(st.text(st.sampled_from(string.punctuation + " \u8eca\u00e9a"), min_size=1, max_size=40))
def test_sqlite_takes_every_path(text: str) -> None:
    from sqlalchemy.engine import make_url

    path = Path("/storage") / text
    template = sqlite_url(path).format()  # as Optuna does
    assert make_url(template).database == str(path)


def test_where_nothing_can_be_written_is_known_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    for bad in ("file", "file/in", "nowhere", "n" * 250):
        with pytest.raises(
            UsageError, match=r"^--storage must be a folder that can be written, got .*/"
        ) as raised:
            require_folder(tmp_path / bad, "--storage")
        assert len(str(raised.value).splitlines()) == 1
    for bad in ("", "file/in", "n" * 250):
        with pytest.raises(UsageError, match="--json must be a file that can be written"):
            require_file(tmp_path / bad, "--json")
    for path in (Path("/proc/new"), Path("/dev/full/new")):
        with pytest.raises(UsageError):
            require_folder(path, "--output")
    before = sorted(tmp_path.iterdir())
    require_folder(tmp_path / "deep" / "er", "--storage")
    require_file(tmp_path / "deep" / "er.json", "--json")
    require_file(Path("/dev/null"), "--json")
    assert sorted(tmp_path.iterdir()) == before


@given(st.binary(max_size=40))
def test_every_encoding_is_read_or_refused(content: bytes) -> None:
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"ocrtune-{os.getpid()}.txt"  # noqa: S108
    path.write_bytes(content)
    try:
        read_utf8(path, "a list", DataError).encode()
    except DataError as error:
        told = "Git LFS" if content.startswith(POINTER) else "must be UTF-8"
        assert told in str(error)  # noqa: PT017 - most are none
    finally:
        path.unlink()


def test_a_folder_that_may_not_be_looked_into_is_no_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    require_readable(tmp_path, "data")
    with monkeypatch.context() as patch:  # who runs the tests may be root
        patch.setattr("os.scandir", refuse)
        with pytest.raises(DataError, match="Permission denied; give this user the right"):
            require_readable(tmp_path, "data")
    for missing in (tmp_path / "x", tmp_path / ("x" * 999)):
        with pytest.raises(DataError, match="data must exist"):
            require_readable(missing, "data")
    os.mkfifo(tmp_path / "pipe")  # as a shell makes of <(command)
    for pipe in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(DataError, match="a pipe or device; write its content to a file"):
            require_readable(pipe, "data")
