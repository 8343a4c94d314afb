"""Labels of lines as other tools leave them: their odd forms, and what is refused by its place."""

import json
import sys
from pathlib import Path
from typing import Any

import lmdb
import pytest

from tests.contracts.format_examples import write_image, write_lmdb
from tests.train.data.formats.test_other_tools import LINE, touch, write
from train.data.folders.notes import collected_notes
from train.data.formats.line_lists.labels_json import LabelsJson
from train.data.formats.loading import load, load_file
from train.data.formats.named import load_named
from train.data.formats.places import find_images
from train.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("label", "lies"),
    [
        ("sub/a.png", "sub/a.png"),
        ("sub\\a.png", "sub/a.png"),
        ("a.png", "images/a.png"),
        ("a", "images/a.jpg"),
        ("A.PNG", "images/a.png"),
        ("/home/me/set/sub/a.png", "sub/a.png"),
        ("C:\\set\\sub\\a.png", "sub/a.png"),
        ("/data/local-files/?d=set%2Fsub/a%20b.png", "sub/a b.png"),
        ("s3://bucket/sub/a.png", "sub/a.png"),
        ("/data/upload/1/0a1b2c3d-a_%C3%A9.png", "a é.png"),
        ("https://x.org/storage-data/uploaded/?filepath=upload/1/0a1b2c3d-a.png", "a.png"),
        ("/data/upload/1/0a1b2c3d-a.png", "0a1b2c3d-a.png"),
        ("/data/upload/1/0a1b2c3d-a.png", "images/a.png"),
        ("file:///set/a.png", "a.png"),
        ("a?b#c.png", "a?b#c.png"),
        ("scan:1.png", "scan:1.png"),
        ("a?d=1.png", "a?d=1.png"),
        ("Caf\u00e9", "images/cafe\u0301.PNG"),
    ],
)
def test_an_image_is_found_by_what_its_tool_called_it(tmp_path: Path, label: str, lies: str) -> None:
    touch(tmp_path / lies, tmp_path / "images" / "x.png")
    assert find_images(tmp_path / "labels.csv", [label]) == {label: tmp_path / lies}


def test_a_path_within_the_folder_has_one_meaning(tmp_path: Path) -> None:
    """`a/1.png` is not the `1.png` that lies elsewhere."""
    touch(tmp_path / "1.png", tmp_path / "images" / "2.png")
    found = find_images(tmp_path / "labels.csv", ["a/1.png", "b/2.png"])
    assert list(found.values()) == [tmp_path / "a" / "1.png", tmp_path / "b" / "2.png"]


def test_a_name_that_could_be_two_images_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "images" / "a.jpg", tmp_path / "images" / "b.PNG")
    write(tmp_path / "labels.csv", "filename,words\na,x\nb,y\n")
    assert [s.path.name for s in load(tmp_path)[1]["all"]] == ["a.jpg", "b.PNG"]
    touch(tmp_path / "images" / "a.png")
    with pytest.raises(DataError, match=r"a is a\.jpg and a\.png"):
        load(tmp_path)


def test_a_folder_of_another_image_is_no_place(tmp_path: Path) -> None:
    """Though it is called as one in the path: the image lies above."""
    touch(tmp_path / "train" / "a.png", tmp_path / "rec" / "images" / "Train" / "b.png")
    found = find_images(tmp_path / "rec" / "labels.json", ["train/a.png"])
    assert found["train/a.png"] == tmp_path / "train" / "a.png"


def test_uploads_of_one_name_are_not_one_image(tmp_path: Path) -> None:
    touch(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"several are a\.png"):
        find_images(tmp_path / "x.json", ["/data/upload/1/0a1b2c3d-a.png", "/data/upload/1/1a1b2c3d-a.png"])


def test_labels_json(tmp_path: Path) -> None:
    touch(tmp_path / "images" / "00.jpg", tmp_path / "b.png")
    path = write(tmp_path / "labels.json", {"labels": {"00": "x"}, "num-samples": 1})
    assert [(s.path, s.text) for s in load(tmp_path)[1]["all"]] == [(tmp_path / "images" / "00.jpg", "x")]
    write(path, {"b.png": "é", "images/00.jpg": "007"})
    assert [(s.text, s.source) for s in load(tmp_path)[1]["all"]] == [
        ("é", f"{path}:2"),
        ("007", f"{path}:3"),
    ]
    for content, lines in (
        ('{"labels":\n{"images\\/00.jpg": "x",\n"b.png": "b.png"}}', [2, 3]),
        ('{"images/00.jpg": "x", "b.png": "y",\n"c.png": "z"}', [1, 2, 3]),  # two in a line: their numbers
        ("{\n\n}", []),
    ):
        write(path, content)
        assert [s.source for s in LabelsJson.read(path, {})] == [f"{path}:{line}" for line in lines]
    for content, rule in (
        ('{"b.png": "x",\n"c.png": 7}', "labels.json:2: 7"),
        ('{"b.png": "x", "b.png": "y"}', "twice"),
    ):
        write(path, content)
        with pytest.raises(DataError, match=rule):
            load(tmp_path)


def test_a_list_of_one_split_keeps_the_images_of_others_folders(tmp_path: Path) -> None:
    rows = "path,text\nset/train2017/a.png,x\nset/val2017/b.png,y\n"
    for unknown in ("a.csv", "test/labels.csv", "all_train.csv", "both/labels_train_val.csv"):
        path = write(tmp_path / unknown, rows)
        assert list(load(path)[1]) == ["train", "val"]
    assert list(load(path.parent)[1]) == ["train", "val"]
    write(tmp_path / "named" / "train.csv", rows)
    with collected_notes() as notes:
        assert [len(found) for found in load(tmp_path / "named")[1].values()] == [2]
        assert len(load_file(path)) == 2
    assert any("(val), too, are taken for train" in line for line in notes)


def test_a_guessed_column_gives_way_to_what_is_known(tmp_path: Path) -> None:
    """Which file holds the rows, or that a person gave it for one split."""
    rows = "image,text,origin\n{0}1.png,A,train\n{0}2.png,B,test\n"
    for name in ("train", "val"):
        write(tmp_path / f"{name}.csv", rows.format(name))
    assert {split: len(samples) for split, samples in load(tmp_path)[1].items()} == {"train": 2, "val": 2}
    assert len(load_file(write(tmp_path / "l.csv", rows.format("l")))) == 2
    given = load_named({"train": [tmp_path / "l.csv"]})[1]
    assert {split: len(samples) for split, samples in given.items()} == {"train": 2}


def test_a_table_of_places_is_taken_for_lines_which_is_said(tmp_path: Path) -> None:
    with collected_notes() as notes:
        load(write(tmp_path / "a.csv", "path,text,XMin,ymin,xmax,ymax\na.png,x,1,2,3,4\n"))
    assert any("places in xmin" in line for line in notes)


def test_kaldi_tells_who_wrote_a_line(tmp_path: Path) -> None:
    touch(tmp_path / "u1.png", tmp_path / "u2.png")
    write(tmp_path / "text", "u1 x\nu2 y\n")
    write(tmp_path / "utt2spk", "u2 anna\n")
    assert [(s.text, s.document) for s in load(tmp_path)[1]["all"]] == [("x", ""), ("y", "anna")]


def test_words_that_are_no_splits_are_named(tmp_path: Path) -> None:
    """Held back elsewhere, and divided anew here."""
    rows = "".join(f'{{"image": "{name}.png", "text": "x", "split": "te"}}\n' for name in "ab")
    with collected_notes() as notes:
        load(write(tmp_path / "a.jsonl", rows))
    assert any("passed over: 'te'" in line for line in notes)


def test_mmocr(tmp_path: Path) -> None:
    """It gives way to what could be read before it was known."""
    touch(tmp_path / "b.png")
    line = {"img_path": "b.png", "instances": [{"text": "x"}]}
    mmocr = {"metainfo": {}, "data_list": [line]}
    path = write(tmp_path / "textrecog_train.json", mmocr)
    [sample] = load(tmp_path)[1]["train"]
    assert (sample.text, sample.path.name) == ("x", "b.png")
    for wrong, rule in (
        ({**line, "instances": [{}, {}]}, "json:2.*one instance|one instance.*json:2"),
        ({**line, "instances": [{"text": 7}]}, "json:2: 7"),
        (line, "json:2: 'b.png' again"),
    ):
        write(path, {**mmocr, "data_list": [line, wrong]})
        with pytest.raises(DataError, match=rule):
            load(tmp_path)
    write(tmp_path / "labels.csv", "filename,words\nb.png,y\n")
    assert load(tmp_path)[0] == "table"


def test_texts_beside_images(tmp_path: Path) -> None:
    touch(tmp_path / "a.bin.png", tmp_path / "b.tif")
    write(tmp_path / "a.gt.txt", "\ufeff x, y \r\n")
    write(tmp_path / "b.txt", "")
    assert [s.text for s in load(tmp_path)[1]["all"]] == [" x, y ", ""]
    for name in ("lost.txt", "a.bin.txt", "b.pred.txt"):  # the others are readings
        write(tmp_path / name, "z")
    (tmp_path / "._a.gt.txt").write_bytes(b"\0\5\x16\7")  # macOS's, beside each file
    with collected_notes() as notes:
        assert len(load(tmp_path)[1]["all"]) == 2
    assert any("without an image of their name: 1, the first: lost.txt" in line for line in notes)
    assert any("may be a reading: 1" in line for line in notes)
    write(tmp_path / "a.gt.txt", "x\ny\n")
    with pytest.raises(DataError, match=r"a\.gt\.txt:2"):
        load(tmp_path)
    write(tmp_path / "a.gt.txt", "x")
    write(tmp_path / "lost.gt.txt", "x")
    assert [s.path.name for s in load(tmp_path)[1]["all"]] == ["a.bin.png", "b.tif", "lost.*"]


@pytest.mark.parametrize("name", ["a.png.txt", "a.png.gt.txt"])
def test_a_text_may_bear_the_whole_name_of_its_image(tmp_path: Path, name: str) -> None:
    touch(tmp_path / "a.png")
    write(tmp_path / name, "x")
    assert [sample.text for sample in load(tmp_path)[1]["all"]] == ["x"]


@pytest.mark.parametrize(("line", "name"), [(f"{LINE},x", "corners_list"), ("0 .5 .5 .2 .1", "yolo")])
def test_regions_beside_images_are_no_texts(tmp_path: Path, line: str, name: str) -> None:
    for image in "ab":
        write_image(tmp_path / f"{image}.png", 0)
    write(tmp_path / "a.txt", "")
    write(tmp_path / "b.txt", line.replace("0 .5", "box .5"))
    if name == "yolo":  # the class by its name: no format, and no text
        with pytest.raises(DataError, match="known format"):
            load(tmp_path)
    write(tmp_path / "b.txt", line)
    assert load(tmp_path)[0] == load(tmp_path, tasks=("detection",))[0] == name
    write(tmp_path / "b.txt", "10,20,30,40,x")
    with pytest.raises(DataError, match="known format"):
        load(tmp_path)


def lines(folder: Path) -> Path:
    write_image(folder / "a.png", 0)
    write_lmdb(folder, [("a.png", "x")])
    return folder / "data.mdb"


def test_lmdb_folders_named_after_splits(tmp_path: Path) -> None:
    for number, name in enumerate(("train.lmdb", "val_lmdb")):
        write_image(tmp_path / name / "a.png", number)
        write_lmdb(tmp_path / name, [("a.png", "x")])
    assert {split: len(part) for split, part in load(tmp_path)[1].items()} == {"train": 1, "val": 1}


def test_lmdb_that_does_not_fit(tmp_path: Path) -> None:
    path = lines(tmp_path)
    with lmdb.open(str(tmp_path)) as database, database.begin(write=True) as held:
        held.put(b"num-samples", b"0")
    with collected_notes() as notes:
        load(tmp_path)
    assert any("more images" in line for line in notes)
    with lmdb.open(str(tmp_path)) as database, database.begin(write=True) as held:
        held.put(b"num-samples", b"2")
    with pytest.raises(DataError, match=r"data\.mdb:2"):
        load(tmp_path)
    path.write_bytes(path.read_bytes()[:-4096])
    with pytest.raises(DataError, match="whole"):
        load(tmp_path)
    path.write_bytes(bytes(64))
    with pytest.raises(DataError, match="readable"):
        load(tmp_path)


def test_without_the_package_lmdb_is_told_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines(tmp_path)
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(UsageError, match=r"\[lmdb\]"):
        load(tmp_path)


TURNS = [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "Hi"}]
PARTS = [{"type": "text", "text": "Hi"}]
SHOWN = [{"type": "image_url", "image_url": {"url": "a.png"}}]
TAGGED = [{"text": "OCR:", "tag": "mask"}, {"text": "Hi", "tag": "no_mask"}]


@pytest.mark.parametrize(
    "row",
    [
        {"image": "a.png", "conversations": TURNS},
        {"images": ["a.png"], "query": "<image>", "response": "Hi"},
        {"messages": [{"role": "user", "content": SHOWN}, {"role": "assistant", "content": PARTS}]},
        {"image_info": [{"image_url": "./a.png"}], "text_info": TAGGED},
    ],
)
@pytest.mark.parametrize("name", ["train.jsonl", "train.json"])
def test_a_conversation_about_an_image(tmp_path: Path, row: dict[str, Any], name: str) -> None:
    write_image(tmp_path / "a.png", 0)
    write(tmp_path / name, json.dumps([row] if name.endswith(".json") else row))
    found, splits = load(tmp_path)
    assert (found, [(s.path.name, s.text) for s in splits["train"]]) == ("chat", [("a.png", "Hi")])
    assert load(tmp_path / name)[0] == "chat"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"images": ["a.png", "b.png"], "conversations": TURNS}, "one image"),
        ({"image": "a.png", "conversations": [*TURNS, *TURNS]}, "one answer"),
        ({"image": "data:image/png;base64,AA", "conversations": TURNS}, "as files"),
    ],
)
def test_a_conversation_of_another_kind_is_refused(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    write(tmp_path / "a.jsonl", json.dumps(row))
    with pytest.raises(DataError, match=f"{message}"):
        load(tmp_path)
