"""Where the images of lists are found that were written in another folder, on another machine or system."""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from train.data.checks.rules import image_findings
from train.data.folders.image_paths import locate
from train.data.folders.notes import collected_notes
from train.data.folders.tree import Tree
from train.data.formats.loading import load
from train.errors import DataError, UsageError

PARTS = st.lists(st.sampled_from(["a", "b", "é", "e\u0301", "..", "x y", "C:"]), min_size=1, max_size=4)


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("images/a.png", "rec/images/a.png"),
        ("./images/a.png", "rec/images/a.png"),
        ("images\\a.png", "rec/images/a.png"),
        ("../photos/a.png", "photos/a.png"),
        ("rec/images/a.png", "rec/images/a.png"),
        ("train_data/rec/images/a.png", "rec/images/a.png"),
        ("old_name/rec/images/a.png", "rec/images/a.png"),
        ("/home/someone/rec/images/a.png", "rec/images/a.png"),
        ("E:\\train_data\\rec\\images\\a.png", "rec/images/a.png"),
        ("d:/a.png", "rec/a.png"),
        ("\\\\server\\share\\images\\a.png", "rec/images/a.png"),
        ("images/cafe\u0301.png", "rec/images/caf\u00e9.png"),
        ("/old/images/a.png", "rec/deeper/images/a.png"),
        ("Images\\A.PNG", "rec/images/a.png"),
        ("E:\\Rec\\Images\\A.JPG", "rec/images/a.jpg"),
        ("Rec/Images/A.PNG", "rec/images/a.png"),
        ("/old/Images/A.png", "rec/deeper/images/a.PNG"),
        ("E:\\mu\u0308ll\\caf\u00e9.png", "rec/m\u00fcll/cafe\u0301.png"),
        (" images/a.png ", "rec/images/a.png"),
        ("images/a%20b.png", "rec/images/a b.png"),
        ("\u202aE:\\rec\\images\\a.png\u202c", "rec/images/a.png"),
        ("\u200eimages/a.png", "rec/images/a.png"),
        ("images/a%20b.png", "rec/images/a%20b.png"),
        ("./images/a.png", "rec/images\\a.png"),
    ],
)
def test_an_image_is_found_and_none_that_the_path_does_not_name(
    tmp_path: Path, name: str, there: str
) -> None:
    labels = touch(tmp_path / "train_data" / "rec" / "rec_gt.txt")
    image = touch(tmp_path / "train_data" / there)
    touch(labels.parent / "others" / "a.png")
    found = locate(labels, [name])[name]
    assert found.samefile(image)
    assert found.name == image.name  # as it is on the disk: a study knows its images by name


@pytest.mark.parametrize(("list_name", "line"), [("rec_gt.txt", "{}\tA\n"), ("a.csv", "path,text\n{},A\n")])
def test_addresses_of_images_that_are_not_here_are_told(tmp_path: Path, list_name: str, line: str) -> None:
    labels = tmp_path / list_name
    labels.write_text(line.format("https://example.com/x/a.png"))
    with collected_notes() as notes:
        load(labels)
    assert [one for one in notes if "1, the first: https://example.com/x/a.png; nothing is fetched" in one]
    touch(tmp_path / "x" / "a.png")
    with collected_notes() as notes:
        [[found]] = load(labels)[1].values()
    assert found.path.samefile(tmp_path / "x" / "a.png")
    assert not [one for one in notes if "fetched" in one]


def test_what_is_not_there_keeps_its_path(tmp_path: Path) -> None:
    labels = touch(tmp_path / "rec" / "rec_gt.txt")
    touch(labels.parent / "a.png")
    touch(tmp_path / "b.png")
    touch(tmp_path / "rec" / "other" / "c.png")
    names = ["a.png", "b.png", "images/a.png", "c.png", "old/c.png"]
    assert [path.is_file() for path in locate(labels, names).values()] == [True, False, False, False, False]
    assert locate(labels, names)["b.png"] == labels.parent / "b.png"
    assert not locate(labels, ["a.png", "A.png"])["A.png"].is_file()  # it lacks its own image
    touch(labels.parent / "A.PNG")
    assert not locate(labels, ["a.PNG"])["a.PNG"].is_file()  # it may be either


def test_an_image_that_was_saved_in_another_form_is_named(tmp_path: Path) -> None:
    labels = touch(tmp_path / "rec_gt.txt")
    touch(tmp_path / "images" / "a.JPG")
    with collected_notes() as notes:
        assert not locate(labels, ["images/a.png", "images/b.png"])["images/a.png"].is_file()
    assert [line for line in notes if "another suffix, such as a.JPG" in line]


def test_what_roboflow_renamed_is_told(tmp_path: Path) -> None:
    labels = touch(tmp_path / "rec_gt.txt")
    touch(tmp_path / "train" / "IMG_1_JPG.rf.0f3e9a.jpg")
    for name, told in (("IMG_1.JPG", True), ("IMG_2.JPG", False)):
        with collected_notes() as notes:
            locate(labels, [f"images/{name}"])
        assert any("Roboflow renamed" in line for line in notes) == told


def test_zeros_that_a_spreadsheet_took_away_are_told(tmp_path: Path) -> None:
    labels = touch(tmp_path / "labels.csv")
    touch(tmp_path / "0012.png")
    for names, told in ((["12.png"], True), (["12"], True), (["a12.png", "0013.png", "2.png"], False)):
        with collected_notes() as notes:
            locate(labels, names)
        assert any("zeros that the labels lack, such as 0012.png" in line for line in notes) == told


@pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
def test_names_that_were_unpacked_in_another_encoding_are_told(tmp_path: Path, encoding: str) -> None:
    labels = touch(tmp_path / "rec_gt.txt")
    name = "车牌.png".encode(encoding)
    for there in (os.fsdecode(name) if encoding == "gbk" else "x.png", name.decode("cp437", "replace")):
        touch(tmp_path / "images" / there)
    with collected_notes() as notes:
        assert not locate(labels, ["images/车牌.png"])["images/车牌.png"].is_file()
    assert any(f"unzip -O {encoding}" in line and line.isprintable() for line in notes)


def test_the_folder_of_a_lists_split_holds_its_images(tmp_path: Path) -> None:
    """Both splits may have the same names; a list without a split has no such folder."""
    for split in ("train", "test"):
        touch(tmp_path / split / "a.png")
        assert locate(touch(tmp_path / f"{split}.txt"), ["a.png"])["a.png"] == tmp_path / split / "a.png"
    for name in ("latest.txt", "rec_gt.txt"):
        assert not locate(touch(tmp_path / name), ["a.png"])["a.png"].is_file()


def test_the_lists_own_folder_goes_first_in_another_case_too(tmp_path: Path) -> None:
    """What lies above it, or in the folder of its split, may be another set's."""
    own = touch(tmp_path / "set" / "rec" / "images" / "a.png")
    touch(tmp_path / "set" / "images" / "a.png")
    labels = touch(tmp_path / "set" / "rec" / "train.txt")
    assert locate(labels, ["Images/A.png"])["Images/A.png"] == own
    touch(labels.parent / "train" / "B.png")
    assert locate(labels, ["B.png"])["B.png"] == labels.parent / "train" / "B.png"
    touch(labels.parent / "b.png")
    assert locate(labels, ["B.png"])["B.png"] == labels.parent / "b.png"


def test_two_images_for_a_path_and_two_paths_for_an_image_are_refused(tmp_path: Path) -> None:
    labels = touch(tmp_path / "data" / "rec" / "rec_gt.txt")
    touch(tmp_path / "data" / "images" / "a.png")
    touch(tmp_path / "images" / "a.png")
    with pytest.raises(DataError, match=r"one image, got .*--root"):
        locate(labels, ["images/a.png"])
    for name in ("one/x/c.png", "two/x/c.png"):
        touch(labels.parent / name)
    with pytest.raises(DataError, match=r"one/x/c\.png or .*two/x/c\.png; .*--root"):
        locate(labels, ["/old/x/c.png"])
    touch(labels.parent / "b.png")
    with pytest.raises(DataError, match="of its own"):
        locate(labels, ["D:\\train\\b.png", "D:\\val\\b.png"])


def test_a_root_is_the_only_place(tmp_path: Path) -> None:
    labels = touch(tmp_path / "lists" / "rec_gt.txt")
    labels.write_text("images/a.png\tA\nimages/b.png\tB\n")
    touch(tmp_path / "lists" / "images" / "a.png")
    image = touch(tmp_path / "pictures" / "images" / "b.png")
    samples = load(labels, {"root": str(tmp_path / "pictures")})[1]["all"]
    assert [sample.path.is_file() for sample in samples] == [False, True]
    assert samples[1].path == image
    with pytest.raises(UsageError, match="--root must be a folder"):
        load(labels, {"root": str(tmp_path / "nowhere")})


def test_the_check_says_where_it_looked(tmp_path: Path) -> None:
    labels = touch(tmp_path / "rec" / "rec_gt.txt")
    labels.write_text("images/a.png\tA\n")
    for options, place in (({}, "two folders above"), ({"root": str(tmp_path)}, "--root")):
        (sample,) = load(labels, options)[1]["all"]
        (finding,) = image_findings("train", sample, None)
        assert finding.value.startswith(str(sample.path))
        assert place in finding.value


def test_where_images_lie_is_said_if_it_is_not_where_the_list_says(tmp_path: Path) -> None:
    labels = touch(tmp_path / "rec" / "rec_gt.txt")
    touch(labels.parent / "images" / "a.png")
    with collected_notes() as notes:
        for name in ("images/a.png", "rec/images/a.png", "D:\\images\\a.png"):
            locate(labels, [name])
        locate(labels, ["/old/a.png"])
    told = ("above it", "another place", f"add --root {labels.parent / 'images'}")
    assert [part in line for part, line in zip(told, notes, strict=True)] == [True, True, True]
    assert locate(labels, ["/old/a.png"], str(labels.parent / "images"))["/old/a.png"].is_file()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(PARTS, max_size=4), st.lists(PARTS, min_size=1, max_size=4), st.sampled_from("/\\"))
def test_no_path_is_found_whose_last_part_differs(
    tmp_path_factory: pytest.TempPathFactory,
    files: Sequence[list[str]],
    names: Sequence[list[str]],
    slash: str,
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    labels = touch(folder / "up" / "list.txt")
    for parts in files:
        place = labels.parent.joinpath(*(part for part in parts if part != ".."))
        if not place.exists() and not any(above.is_file() for above in place.parents):
            touch(place)
    written = [slash.join(parts) for parts in names]
    try:
        found = locate(labels, written)
    except DataError:
        return
    for name, path in found.items():
        if path.is_file():
            last = name.replace("\\", "/").split("/")[-1]
            assert unicodedata.normalize("NFC", path.name) == unicodedata.normalize("NFC", last)
    assert list(found) == list(dict.fromkeys(written))


def test_a_path_of_another_place_is_compared_with_files_in_folders_of_its_name_alone(tmp_path: Path) -> None:
    """Sets have thousands of files of one name, in as many folders."""
    there = [touch(tmp_path / "in" / str(number) / "0.png") for number in range(9)]
    tree = Tree()
    assert tree.called_in_its_folder(tmp_path, "E:\\set\\3\\0.PNG") == [there[3]]
    assert len(tree.called(tmp_path, "E:\\set\\3\\0.PNG")) == 9
