"""What the command line names becomes files: in order, each once, nothing lost without a word."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve.folder.inputs import InputFiles, find_files
from serve.folder.parts import begin, folder_of
from serve.folder.places import File, locate_uri, pack, unpack
from serve.read import COPY, require_output
from tests.s3 import s3_server
from train.errors import DataError, UsageError
from train.system.filesystems import open_filesystem


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with pictures at several depths, other files, and links."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "in/b.png",
        "in/a.JPG",
        "in/deep/er/c.webp",
        "in/[1]/x?.png",
        "in/.hidden/h.png",
        "in/page.pdf",
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"picture")
    Path("in/notes.md").write_text("no picture")
    Path("in/deep/loop").symlink_to("../..")
    Path("in/again").symlink_to("deep")
    Path("in/gone.png").symlink_to("nowhere")
    return tmp_path


def names_of(*named: str, pages: bool = True) -> list[str]:
    return [file.name for file in find_files(named, pages).files]


def test_a_folder_is_read_to_its_bottom_in_order_and_links_once(folder: Path) -> None:
    found = find_files(["in"], pages=True)
    assert [file.name for file in found.files] == [
        "in/[1]/x?.png",
        "in/a.JPG",
        "in/again/er/c.webp",
        "in/b.png",
        "in/gone.png",
        "in/page.pdf",
    ]
    assert found.aside == {".md": 1}
    assert found.files[1].path == str(folder / "in" / "a.JPG")


def test_what_several_arguments_name_is_read_once_where_it_came_first(folder: Path) -> None:
    assert names_of("in/b.png", "in/*.png", "./in/deep/../b.png", "in/[1]", "in/[1]/x?.png") == [
        "in/b.png",
        "in/gone.png",
        "in/[1]/x?.png",
    ]
    assert names_of("in/**/*.webp", str(folder / "in" / "a*" / "er")) == ["in/deep/er/c.webp"]  # no turn


def test_a_list_is_taken_line_by_line(folder: Path) -> None:
    Path("in/list.txt").write_bytes("\ufeffb.png\tABC\r\nb.png\n\nin/a.JPG\nnot-there.png\n".encode())
    found = find_files(["in/list.txt"], pages=False).files
    assert [file.name for file in found] == ["b.png", "b.png", "in/a.JPG", "not-there.png"]
    assert [file.path for file in found[:3]] == [
        str(folder / "in" / name) for name in ("b.png", "b.png", "a.JPG")
    ]


@pytest.mark.parametrize("end", ["\n", "\r"])
def test_a_list_that_was_joined_is_read_line_by_line(folder: Path, end: str) -> None:
    Path("in/list.txt").write_bytes(f"\ufeffb.png{end}  {end}\ufeff b.png {end}".encode())
    found = find_files(["in/list.txt"], pages=False).files
    assert [file.path for file in found] == [str(folder / "in" / "b.png")] * 2


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("in/none.png", "that are there, got in/none.png"),
        ("in/*.tiff", r"got in/\*.tiff"),
        ("file:///not/there", "must be there"),
        ("s4://bucket/in", "s4"),
        ("s3://me:secret@bucket/in", "must not hold a password"),
        ("in/page.pdf", "add --detection"),
    ],
)
def test_what_cannot_be_is_refused(folder: Path, named: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        find_files([named], pages=False)
    assert "secret" not in str(caught.value)


def test_a_folder_that_cannot_be_opened_is_told_and_the_rest_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.listdir

    def refuse(path: str) -> list[str]:
        if path in {"in/deep", "in/again"}:
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "listdir", refuse)  # root may read everything
    found = find_files(["in"], pages=True)
    assert found.refused == [("in/again", "Permission denied"), ("in/deep", "Permission denied")]
    assert "in/b.png" in [file.name for file in found.files]


def test_files_behind_a_uri_are_found_and_read(folder: Path) -> None:
    with s3_server() as uri:
        filesystem, path = open_filesystem(uri, "IMAGES")
        for name, content in {
            "b c.png": b"B",
            "deep/a#1.jpg": b"A",
            ".hidden/h.png": b"",
            "n.txt": b"",
        }.items():
            with filesystem.open_output_stream(f"{path}/{name}") as stream:
                stream.write(content)
        found = find_files([uri.replace("runs?", "runs/?"), uri], pages=False)
        assert [(file.name, file.read()) for file in found.files] == [
            ("s3://shared/runs/b c.png", b"B"),
            ("s3://shared/runs/deep/a#1.jpg", b"A"),
        ]
        assert found.aside == {".txt": 1}
        (one,) = find_files([uri.replace("runs?", "runs/deep/a#1.jpg?")], pages=False).files
        assert (one.name, one.read()) == ("s3://shared/runs/deep/a#1.jpg", b"A")
        with pytest.raises(UsageError, match="must be there"):
            find_files([uri.replace("runs", "else")], pages=False)


def test_a_uri_of_this_machine_is_taken_however_it_is_written(folder: Path) -> None:
    plain = folder / "in" / "[1]" / "a b%.png"
    plain.write_bytes(b"picture")
    for uri in (plain.as_uri(), f"file://{plain}", plain.as_uri().replace("file://", "FILE://localhost")):
        (file,) = find_files([uri], pages=False).files
        assert file.read() == b"picture", uri
    with pytest.raises(UsageError, match="got file://elsewhere"):
        find_files(["file://elsewhere/in"], pages=False)


def test_what_is_no_file_cannot_be_read(folder: Path) -> None:
    os.mkfifo("pipe.png")
    for name in ("pipe.png", "in/gone.png", "in"):
        with pytest.raises(DataError, match="a file must be readable"):
            File(name, str(folder / name)).read()
    assert locate_uri("file:///a%20b/c.png").path == "/a b/c.png"


@given(st.lists(st.tuples(*[st.binary(max_size=8).filter(lambda name: b"\0" not in name)] * 3)))
def test_files_survive_being_packed(names: list[tuple[bytes, bytes, bytes]]) -> None:
    files = [File(*map(os.fsdecode, three)) for three in names]
    assert unpack(pack(files)) == files


def test_a_jobs_output_does_not_go_with_its_copy_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "runtime_resources" / COPY / "_ray_pkg_1"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    with pytest.raises(UsageError, match="outside its copy"):
        require_output(Path("texts.jsonl"), "rows")
    require_output(tmp_path / "texts.jsonl", "rows")


def test_another_reading_takes_nothing_over_from_an_interrupted_one(tmp_path: Path) -> None:
    output = tmp_path / "texts.jsonl"
    folder_of(output).mkdir()
    found = InputFiles([File("a.png", "/a.png")])
    begin(folder_of(output), {}, found, 1).keep(0, b"the text of a.png")
    with pytest.raises(UsageError, match=r"interrupted reading, got .*; go on with --resume"):
        require_output(output, "rows")
    assert begin(folder_of(output), {}, InputFiles([File("b.png", "/b.png")]), 1).missing == [0]
