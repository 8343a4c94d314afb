"""Lists and tables that are not quite as they should be: each is read as it is meant, or refused in a line."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.contracts.format_examples import write_image
from train.data.formats.loading import detect, load
from train.errors import DataError

REGIONS = '[{"transcription": "A", "points": [[0, 0], [9, 0], [9, 9], [0, 9]]}]'


@pytest.mark.parametrize(("label", "tasks"), [("A", ("recognition", "detection")), (REGIONS, ("detection",))])
def test_lists_of_other_names_are_found_by_their_lines(
    tmp_path: Path, label: str, tasks: tuple[str, ...]
) -> None:
    one, several = tmp_path / "one", tmp_path / "several"
    for folder, names in ((one, ["my_plates.txt"]), (several, ["rec_val.txt", "rec_train.txt"])):
        folder.mkdir()
        (folder / "fileState.txt").write_text("a.png\t1\n")
        (folder / "notes.txt").write_text("of\tplates\n")
        (folder / "utf16.txt").write_text("a.png\tA\n", "utf-16")
        for name in names:
            (folder / name).write_text(f"a.png\t{label}\n")
    assert detect(one, tasks=tasks)[1] == {"all": one / "my_plates.txt"}
    lists = {split: several / f"rec_{split}.txt" for split in ("train", "val")}
    assert detect(several, tasks=tasks)[1] == lists
    (several / "my_plates.txt").write_text(f"a.png\t{label}\n")  # of which split is it?
    with pytest.raises(DataError, match="known format"):
        detect(several, tasks=tasks)


def test_a_split_that_may_not_be_looked_into_is_not_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for split in ("train", "val"):
        write_image(tmp_path / split / "a.png", 0)
        (tmp_path / split / "a.gt.txt").write_text("A")
    scandir = os.scandir

    def refuse(path: Any) -> Any:  # who runs the tests may be root
        if path == tmp_path / "val":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(DataError, match=r"of a split must be readable, got .*val: Permission denied"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("rows", "line"), [('x,z.png\n"y,a.png\nz,b.png\n",c.png\n', 3), ('"y,a.png\n",c.png\n', 2)]
)
def test_a_cell_that_swallowed_rows_is_refused_whatever_the_order_of_columns(
    tmp_path: Path, rows: str, line: int
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"text,path\n{rows}")
    with pytest.raises(DataError, match=rf"must not hold other rows, got .*a\.csv:{line}:"):
        load(path)


def test_a_table_of_boxes_swallows_no_rows(tmp_path: Path) -> None:
    rows = "".join(f"{name}.png,0,0,9,9,{text}\n" for name, text in (("a", "A"), ("b", '"B'), ("c", 'C"')))
    (tmp_path / "a.csv").write_text(f"filename,xmin,ymin,xmax,ymax,text\n{rows}")
    with pytest.raises(DataError, match=r"must not hold other rows, got .*; mend its quotes"):
        load(tmp_path, name="box_table", tasks=("detection",))


@pytest.mark.parametrize("content", ["Plates of 2024\n\npath,text\na.png,A\n", "path:text\na.png:A\n"])
def test_a_table_of_one_column_says_what_may_be_wrong(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    for options in ({}, {"image": "path", "text": "text"}):
        with pytest.raises(DataError, match="above the names of columns, or say what divides these"):
            load(tmp_path / "a.csv", options)


@pytest.mark.parametrize("line", ["my image {}.png A{}\n", "{} a{}.png A\n"])
def test_names_with_blanks_in_a_list_that_blanks_divide_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "labels.txt").write_text("".join(line.format(i, i) for i in range(3)))
    with pytest.raises(DataError, match=r"first or last, and have none, got .*labels\.txt:1: .*tabs"):
        load(tmp_path)
    for content, texts in (
        ("a.png see b.png\nc.png A\n", ["see b.png", "A"]),
        ("A a.png\nB b.png\n", ["A", "B"]),
    ):
        (tmp_path / "labels.txt").write_text(content)
        assert [sample.text for sample in load(tmp_path)[1]["all"]] == texts


def test_a_table_may_hold_the_images_of_some_rows_alone(tmp_path: Path) -> None:
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    images = [{"bytes": None, "path": "a.png"}, {"bytes": b"BM", "path": "b.png"}]
    table = pyarrow.table({"image": pyarrow.array(images, kind), "text": ["x", "y"]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"must have an image in image, got .*a\.parquet:1 without"):
        load(tmp_path)


def test_regions_that_python_printed_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "det_gt.txt").write_text(f"a.png\t{json.loads(REGIONS)}\n")
    with pytest.raises(DataError, match=r"regions must be JSON, got .*:1: .*; write them with json\.dumps"):
        load(tmp_path, tasks=("detection",))


@pytest.mark.parametrize("remark", ["dark, as c.png\nturned", '{""x"": 1,\n ""file"": ""b.png"", ""h"": 3}'])
def test_a_cell_of_several_lines_that_tells_of_an_image_is_no_row(tmp_path: Path, remark: str) -> None:
    (tmp_path / "train.csv").write_text(f'path,text,remark\na.png,A,"{remark}"\nb.png,B,\n', encoding="utf-8")
    assert [one.text for one in load(tmp_path)[1]["train"]] == ["A", "B"]


def test_columns_that_were_named_may_have_the_image_within(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("1 a.png hello\n2 b.png you\n", encoding="utf-8")
    options = {"delimiter": " ", "quotes": "csv", "image": "2", "text": "3"}
    assert [one.text for one in load(tmp_path / "list.txt", options)[1]["all"]] == ["hello", "you"]


def test_a_stray_list_does_not_stand_for_labelled_folders(tmp_path: Path) -> None:
    (tmp_path / "predicts_rec.txt").write_text("a.png\tA\n", encoding="utf-8")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rec_gt_train.txt").write_text("a.png\tA\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"labels lie in .*one, .*two: name one"):
        load(tmp_path)
