"""What lies beside labels, or among them, and hides nothing: links, notes, other tools' files; and what is twice."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.format_examples import write_image
from train.data.folders.notes import collected_notes
from train.data.formats.loading import load
from train.data.photos.regions import regions_of
from train.errors import DataError

LINE = "1,2,30,2,30,9,1,9"
PHOTOS = ("detection",)
CVAT = '<annotations><image name="a.png" width="40" height="12"></image></annotations>'


def put(path: Path, content: str, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding)


def texts_of(path: Path) -> list[list[str]]:
    [samples] = load(path, tasks=PHOTOS)[1].values()
    return [[region.text for region in regions_of(sample.text)] for sample in samples]


def test_the_number_of_a_row_is_no_text_and_a_photo_may_have_no_region(tmp_path: Path) -> None:
    for number, name in enumerate(("a.png", "b.png")):
        write_image(tmp_path / name, number)
    put(tmp_path / "train.csv", ",filename,xmin,ymin,xmax,ymax\n0,a.png,1,2,30,9\n1,b.png,,,,\n")
    assert texts_of(tmp_path) == [[""], []]


@pytest.mark.parametrize("name", ["", "train.jsonl"])
def test_a_table_with_an_answer_of_a_model_is_a_table(tmp_path: Path, name: str) -> None:
    put(tmp_path / "train.jsonl", '{"image": "a.png", "text": "truth", "response": "read"}\n')
    found, splits = load(tmp_path / name)
    assert (found, [sample.text for part in splits.values() for sample in part]) == ("table", ["truth"])


@pytest.mark.parametrize("held", [None, [{"img_path": "a.png", "instances": None}]])
def test_a_set_without_lists_is_refused(tmp_path: Path, held: object) -> None:
    put(tmp_path / "train.json", json.dumps({"data_list": held}))
    with pytest.raises(DataError):
        load(tmp_path)


def test_what_only_ends_as_labels_is_passed_over(tmp_path: Path) -> None:
    write_image(tmp_path / "img" / "a.png", 0)
    put(tmp_path / "box" / "b.txt", f"{LINE},Hi")
    (tmp_path / "box" / "b.txt").rename(tmp_path / "box" / "a.txt")
    for folder in (tmp_path, tmp_path / "box"):
        (folder / "0.txt").symlink_to(folder / "gone.txt")
        (folder / "1.txt").mkdir()
        os.mkfifo(folder / "2.txt")
    assert texts_of(tmp_path) == [["Hi"]]


def test_notes_in_the_root_hide_no_labels(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.png", 0)
    put(tmp_path / "annotations.xml", CVAT)
    put(tmp_path / "readme.txt", "read me", "utf-16")
    assert load(tmp_path, tasks=PHOTOS)[0] == "cvat"
    (tmp_path / "annotations.xml").unlink()
    with pytest.raises(DataError, match=r"save readme\.txt as UTF-8"):
        load(tmp_path, name="sroie", tasks=PHOTOS)


def test_labels_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "z.json").symlink_to("/proc/self/mem")
    with pytest.raises(DataError, match=r"mend z\.json"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.tsv", "filename\ttext\tx1\ty1\tx2\ty2\na.png\tHi\t1\t2\t30\t9\n"),
        ("train.csv", "img,text,x1,y1,x2,y2\na.png,Hi,1,2,30,9\n"),
    ],
)
def test_photos_in_a_table_that_tells_no_boxes_must_be_saved_as_one(
    tmp_path: Path, name: str, content: str
) -> None:
    write_image(tmp_path / "a.png", 0)
    put(tmp_path / name, content)
    with pytest.raises(
        DataError, match="save it as CSV, with the column filename, and add --format box_table"
    ):
        load(tmp_path)


def test_one_row_makes_no_table_one_of_photos(tmp_path: Path) -> None:
    names = ["a.png", "b.png", "c.png"]
    for number, name in enumerate(names):
        write_image(tmp_path / name, number)
    boxes = ["0,0,40,12", "1,2,30,9", "0,0,40,12"]
    rows = [f"{name},Hi,{box}\n" for name, box in zip(names, boxes, strict=True)]
    put(tmp_path / "train.csv", "filename,text,x1,y1,x2,y2\n" + "".join(rows))
    assert load(tmp_path)[0] == "table"
    (tmp_path / "train.csv").unlink()
    box = dict(zip(("x1", "y1", "x2", "y2"), (1, 2, 30, 9), strict=True))
    objects: list[dict[str, Any]] = [{"image": "a.png", "text": "A", **box}, {"image": "b.png", "text": "B"}]
    put(tmp_path / "train.jsonl", "".join(json.dumps(one) + "\n" for one in objects))
    assert [sample.text for sample in load(tmp_path)[1]["train"]] == ["A", "B"]


@pytest.mark.parametrize(
    "labels",
    [
        {"box/a.txt": f"{LINE},Hi", "box/a.csv": f"{LINE},Hi"},
        {"ann/a.json": '{"form": []}', "ann/a.png.json": '{"form": []}'},
    ],
)
def test_a_photo_is_labelled_once(tmp_path: Path, labels: Mapping[str, str]) -> None:
    write_image(tmp_path / "img" / "a.png", 0)
    for name, content in labels.items():
        put(tmp_path / name, content)
    with pytest.raises(DataError, match="must be labelled once"):
        load(tmp_path, tasks=PHOTOS)


def test_a_text_may_look_like_an_object(tmp_path: Path) -> None:
    for number, name in enumerate("abc"):
        write_image(tmp_path / f"{name}.png", number)
        put(tmp_path / f"{name}.gt.txt", "{}" if name == "a" else "Hi")
    assert [sample.text for sample in load(tmp_path)[1]["all"]] == ["{}", "Hi", "Hi"]


@pytest.mark.parametrize(("first", "texts"), [(LINE, ["####1", "x"]), (f"{LINE},5,5", ["1", "x"])])
def test_a_mark_of_other_outlines_may_begin_a_text(tmp_path: Path, first: str, texts: list[str]) -> None:
    write_image(tmp_path / "img" / "a.png", 0)
    put(tmp_path / "box" / "a.txt", f"{first},####1\n{LINE},x")
    assert texts_of(tmp_path) == [texts]


def test_a_text_of_a_service_s_answer_may_be_named(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 0)
    put(tmp_path / "a.json", '{"responses": [], "text": "hi"}')
    [sample] = load(tmp_path, {"text_key": "text"}, "image_json")[1]["all"]
    assert sample.text == "hi"


def test_labels_in_another_letter_case_that_are_not_used_are_told(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 0)
    for name in ("a.txt", "A.txt"):
        put(tmp_path / name, f"{LINE},Hi")
    with collected_notes() as notes:
        assert texts_of(tmp_path) == [["Hi"]]
    assert any("the first: A.txt" in line for line in notes)


def test_a_page_is_no_line(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.png", 0)
    put(tmp_path / "labels" / "a.txt", "Title\n\nBody\n")
    with pytest.raises(DataError, match="known format"):
        load(tmp_path)


def test_one_photo_without_its_suffix_hides_no_other(tmp_path: Path) -> None:
    for number, name in enumerate(("img/a.png", "img/b.png")):
        write_image(tmp_path / name, number)
    held = [{"transcription": "Hi", "points": [[1, 2], [30, 2], [30, 9], [1, 9]]}]
    put(tmp_path / "train.json", json.dumps({"img/a.png": held, "b": held}))
    [samples] = load(tmp_path, tasks=PHOTOS)[1].values()
    assert [sample.path.name for sample in samples] == ["a.png", "b.png"]
