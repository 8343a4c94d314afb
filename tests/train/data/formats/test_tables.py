"""Tables of any shape: what is read as it stands, and what is refused by its row."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from train.data.folders.notes import collected_notes
from train.data.formats.loading import load, load_file
from train.data.formats.named import load_files
from train.data.formats.tables.texts import DONUT, SEVERAL
from train.data.texts.forms import normal_form
from train.errors import DataError, UsageError


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options: str) -> list[tuple[str, str, int]]:
    """Return name, text and line of each sample."""
    name, splits = load(path, options)
    assert name == "table"
    return [
        (sample.path.relative_to(path.parent).as_posix(), sample.text, int(sample.source.rpartition(":")[2]))
        for sample in splits["all"]
    ]


@pytest.mark.parametrize(
    ("name", "content", "options", "expected"),
    [
        # EasyOCR: a text may hold commas, with quotes or without
        ("labels.csv", 'filename,words\na.png,x, y\nb.png,"1,5"\n', {}, [("a.png", "x, y", 2), ("b.png", "1,5", 3)]),
        ("labels.csv", 'filename,words\na.png,"x"\n', {"quotes": "none"}, [("a.png", '"x"', 2)]),
        # a spreadsheet's: byte-order mark, semicolons, CRLF, an index and empty rows
        ("a.csv", "\ufeff;File Name;Text\r\n0;i/a.png;00123\r\n;;\r\n\r\n", {}, [("i/a.png", "00123", 2)]),
        ("a.csv", "Bild|Schrift\na.png|x\n", {"image": "Bild", "text": "Schrift"}, [("a.png", "x", 2)]),
        ("a.csv", "a.png,x\nb.png,y\n", {}, [("a.png", "x", 1), ("b.png", "y", 2)]),
        ("a.csv", "7,a.png,x\n", {"text": "3"}, [("a.png", "x", 1)]),
        ("a.csv", "name,image,text\nA,a.png,x\n", {}, [("a.png", "x", 2)]),
        ("a.tsv", "a.png\t x \n", {}, [("a.png", " x ", 1)]),
        ("a.csv", "img,gt\na,x\n", {}, [("a", "x", 2)]),
        ("a.csv", "File Name,Ground Truth Text\na.png,x\n", {}, [("a.png", "x", 2)]),
        ("a.csv", "image text\n001 two words\n", {}, [("001", "two words", 2)]),
        ("a.csv", "image,text,ground_truth_text\na.png,x,y\n", {}, [("a.png", "x", 2)]),
        # Excel's line that names the delimiter, line ends of a Mac, and doubled ones
        ("a.csv", "sep=;\nfilename;text\na.png;1,5\n", {}, [("a.png", "1,5", 3)]),
        ("a.csv", "filename;text\ra.png;1,5\r", {}, [("a.png", "1,5", 2)]),
        ("a.csv", "filename;text\r\r\na.png;1,5\r\r\n", {}, [("a.png", "1,5", 2)]),
        # a blank behind each delimiter is no text, and quotes behind it are quotes: ICDAR's lists of words
        ("gt.txt", '\ufeffa.png, "1,000"\r\nb.png, "[06] \\"x\\""\r\n', {},
         [("a.png", "1,000", 1), ("b.png", '[06] "x"', 2)]),
        ("a.csv", "path, text\na.png, x, y\nb.png, \\z\n", {}, [("a.png", "x, y", 2), ("b.png", "\\z", 3)]),
        # a delimiter at the end of every row, of two at least
        ("a.csv", "path,text\na.png,x,\n", {}, [("a.png", "x,", 2)]),
        ("a.csv", 'path,text\na.png,"x",\nb.png,y, z,\n', {}, [("a.png", "x", 2), ("b.png", "y, z", 3)]),
        # a text that looks like Label Studio's several, and numbers that stand for no words
        ("a.csv", 'path,text\na.png,x\nb.png,"[""x"", ""y""]"\n', {}, [("a.png", "x", 2), ("b.png", '["x", "y"]', 3)]),
        ("a.csv", "1_meter_045.png,045\n2_meter_046.png,046\n", {},
         [("1_meter_045.png", "045", 1), ("2_meter_046.png", "046", 2)]),
        ("a.csv", "1_red_045.png,045\n2_blue_046.png,046\n", {"text": "2"},
         [("1_red_045.png", "045", 1), ("2_blue_046.png", "046", 2)]),
        # the text recognition data generator's
        ("labels.txt", 'a.png "two" words\n', {}, [("a.png", '"two" words', 1)]),
        ("a.jsonl", '{"path": "b.png", "text": null, "gt": null}\n\n{"gt": 3, "path": "a.png", "text": "007"}', {},
         [("b.png", "", 1), ("a.png", "007", 3)]),
        ("a.json", '[\n{"image": "a.png", "label": "x"},\n\n{"image": "b.png", "label": "y"}]', {},
         [("a.png", "x", 2), ("b.png", "y", 4)]),
    ],
)  # fmt: skip
def test_tables_of_many_shapes_are_read(
    tmp_path: Path, name: str, content: str, options: dict[str, str], expected: list[tuple[str, str, int]]
) -> None:
    assert read(write(tmp_path / name, content), **options) == expected


@pytest.mark.parametrize(
    ("name", "content", "line", "rule"),
    [
        ("a.csv", "path,size\na.png,3\n", 1, "--option text=COLUMN"),
        ("a.csv", "path,text,label\na.png,x,y\n", 1, "text, label"),
        ("a.csv", "path,text\na.png,x\nb.png\n", 3, "2 cells"),
        ("a.csv", "path,text,size\na.png,x, y,3\n", 2, "3 cells"),  # else it would be cut off
        ("a.csv", "path,text\n,x\n", 2, "name its image"),
        ("a.csv", 'path,text\na.png,"x", y\n', 2, "2 cells"),
        ("a.csv", 'path,text\na.png,"x" y\n', 2, "quotes=none"),
        ("a.csv", 'path,text\nz.png,x\na.png,"\nb.png,x\nc.png,"\n', 3, "other rows"),
        ("a.csv", b"path,text\na.png,\xff\n", 2, "UTF-8"),
        ("a.csv", "", 1, "column for the image"),
        ("a.csv", 'annotation_id,annotator,image,text\n1,1,a.png,x\n2,1,b.png,"[""x"", ""y""]"\n', 3, "of one line"),
        ("a.txt", "./1_slinking_71.jpg 71\n./2_Hello_3.jpg 3\n", 1, "MJSynth"),
        ("a.jsonl", '{"file_name": "a.png", "text": 123}', 1, "00123"),
        ("a.jsonl", '{"file_name": "a.png", "text": "x"}\n{"file_name": "b.png", "text": 5}', 2, "string"),
        ("a.jsonl", '{"file_name": "a.png", "text": "x"}\n{"file_name": "b.png"}', 2, "without text"),
        ("a.jsonl", '{"file_name": "a.png", "text": "x"} {}', 1, "one JSON object"),
        ("a.jsonl", '{"file_name": "a.png", "text": "x"}\n{', 2, "must be JSON"),
        ("a.jsonl", '{"file_name": "a.png", "text": "x"}\n' + "[" * 9999, 2, "must be JSON"),
    ],
)  # fmt: skip
def test_faults_are_refused(tmp_path: Path, name: str, content: str | bytes, line: int, rule: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(DataError, match=rule) as error:
        load(path)
    assert f"{path}:{line}" in str(error.value)


@pytest.mark.parametrize("option", [("delimiter", "ab"), ("header", "1"), ("quotes", "'")])
def test_options_must_be_known(tmp_path: Path, option: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match=option[0]):
        load(write(tmp_path / "a.csv", "path,text\na.png,x\n"), dict([option]))


CELLS = st.text(st.characters(exclude_categories=["Cs"])).filter(
    lambda text: not (text.startswith(DONUT) or SEVERAL.fullmatch(text))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(CELLS, min_size=1), st.sampled_from(",;\t|"))
def test_what_csv_writes_is_read(tmp_path: Path, texts: list[str], delimiter: str) -> None:
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter=delimiter)
        rows.writerows([("path", "text"), *((f"{i}.png", text) for i, text in enumerate(texts))])
    assert [text for _, text, _ in read(tmp_path / "a.csv")] == list(map(normal_form, texts))


def test_tables_of_splits_and_of_parts(tmp_path: Path) -> None:
    for split in ("train", "val"):
        write(tmp_path / "names" / f"gt_{split}.csv", f"path,text\na.png,{split}\n")
        write(
            tmp_path / "folders" / split / "metadata.jsonl", json.dumps({"file_name": "a.png", "text": split})
        )
    for number, text in enumerate("xy"):
        for name in (
            f"converted/train/{number:04d}.parquet",
            f"hub/data/train-{number:05d}-of-00002.parquet",
        ):
            part = tmp_path / name
            part.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({"image": [{"bytes": b"BM", "path": None}], "text": [text]}), part)
    for folder in ("names", "folders"):
        found = load(tmp_path / folder)[1]
        assert {split: samples[0].text for split, samples in found.items()} == {
            "train": "train",
            "val": "val",
        }
    for folder in ("converted", "hub"):
        [(split, samples)] = load(tmp_path / folder)[1].items()
        assert (split, [sample.text for sample in samples]) == ("train", ["x", "y"])
    assert [sample.path.suffix for sample in samples] == [".bmp", ".bmp"]
    numbered = tmp_path / "converted/train/0001.parquet"
    assert [sample.text for sample in load(numbered)[1]["all"]] == ["y"]
    numbered.rename(numbered.with_name("0002.parquet"))
    with pytest.raises(DataError, match=r"without 0001\.parquet"):
        load(tmp_path / "converted")
    year = tmp_path / "years/2023.parquet"
    year.parent.mkdir()
    part.rename(year)
    assert load(year.parent)[1] == load(year)[1]
    with pytest.raises(DataError, match="00001-of-00002"):
        load(tmp_path / "hub")
    for number in range(2):
        write(tmp_path / "lists" / f"train-{number:05d}-of-00002.csv", "path,text\na.png,x\n")
    with pytest.raises(DataError, match=r"00000-of-00002\.csv and train-00001"):
        load(tmp_path / "lists")
    write(tmp_path / "names" / "all.csv", "path,text\na.png,x\n")
    with pytest.raises(DataError, match=r"all\.csv"):
        load(tmp_path / "names")


@pytest.mark.parametrize(
    ("rows", "splits"),
    [
        ("path,text,split\na.png,x,training\nb.png,y,dev\n", {"train": ["x"], "val": ["y"]}),
        ("path,text\nD:\\s\\test\\a.png,x\nD:\\s\\train\\b.png,y\n", {"test": ["x"], "train": ["y"]}),
        ("path,text\ntest/a.png,x\ntrain/b.png,y\ntest/c.png,z\n", {"test": ["x", "z"], "train": ["y"]}),
        ("path,text,split\na.png,x,1\nb.png,y,2\n", {"all": ["x", "y"]}),
        ("path,text\ntest/a.png,x\ntest/c.png,z\n", {"all": ["x", "z"]}),
    ],
)
def test_a_table_of_several_splits_deals_its_rows(
    tmp_path: Path, rows: str, splits: dict[str, list[str]]
) -> None:
    found = load(write(tmp_path / "metadata.csv", rows))[1]
    assert {split: [sample.text for sample in samples] for split, samples in found.items()} == splits


def test_splits_of_some_rows_are_refused(tmp_path: Path) -> None:
    """All of them would be divided anew, and what was held back learnt; not where their split is known."""
    rows = "path,text,split\na.png,x,train\nb.png,y,test\nc.png,z,extra\n"
    path = write(tmp_path / "all" / "a.csv", rows)
    with pytest.raises(DataError, match=f"{path}:4 without one, others with test, train"):
        load(path)
    write(tmp_path / "split" / "train.csv", rows)
    with collected_notes() as notes:
        assert [sample.split for sample in load_file(path)] == [""] * 3
        assert [sample.text for sample in load(path.parent.parent / "split")[1]["train"]] == ["x", "y", "z"]
        assert len(load_files([path])[1]) == 3
    assert sum("passed over" in line for line in notes) == 2
    write(path.with_name("b.jsonl"), '{"file_name": "a.png", "text": "x", "set": ["train"]}')
    assert load(path.with_name("b.jsonl"))[1]["all"][0].split == ""


def test_documents_may_have_numbers(tmp_path: Path) -> None:
    rows = {"image": ["a.png", "b.png", "c.png"], "text": ["x", "y", "z"], "group": [0, 1.5, float("nan")]}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    assert [sample.document for sample in load(tmp_path / "a.parquet")[1]["all"]] == ["0.0", "1.5", ""]


def test_lists_with_tabs(tmp_path: Path) -> None:
    """TrOCR's lists lie beside a folder `image`; others of such a name hold no texts."""
    write(tmp_path / "image" / "a.jpg", "")
    for split in ("train", "test"):
        write(tmp_path / f"gt_{split}.txt", 'a.jpg\t"Yes, I\n')
    found = load(tmp_path)[1]
    assert [(s.path, s.text) for s in found["test"]] == [(tmp_path / "image" / "a.jpg", '"Yes, I')]
    write(tmp_path / "others" / "ori_gt.txt", "a.jpg\t180\n")
    write(tmp_path / "others" / "labels.txt", "a.jpg\t1,2,3,4,5,6,7,8,x\n")
    write(tmp_path / "others" / "fileState.txt", "a.jpg\t1\n")
    with pytest.raises(DataError, match="known format"):
        load(tmp_path / "others")


def test_names_without_suffixes_are_known_by_the_images_that_lie_there(tmp_path: Path) -> None:
    """Kaldi's `text`; a line of numbers is none, though images may be called so: regions look like that."""
    for name in ("u1", "image", "7", "8"):
        write(tmp_path / "images" / f"{name}.png", "")
    write(tmp_path / "text", "u1 two words\nimage x\n")
    [first, second] = load(tmp_path)[1]["all"]
    assert (first.path, first.text, second.text) == (tmp_path / "images" / "u1.png", "two words", "x")
    write(tmp_path / "text", "7 0.5 0.5\n8 0.5 0.5\n")
    with pytest.raises(DataError, match="known format"):
        load(tmp_path)
    assert read(write(tmp_path / "a.csv", "image,text\nu1,x\n")) == [("images/u1.png", "x", 2)]


def test_a_table_does_not_stand_against_lists(tmp_path: Path) -> None:
    """What could be read before is read as before."""
    write(tmp_path / "labels.csv", "filename,words\na.png,x\n")
    write(tmp_path / "rec_gt.txt", "a.png\tA\n")
    assert load(tmp_path)[0] == "paddleocr"
    assert load(tmp_path, name="table")[1]["all"][0].text == "x"


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"image": [b"BM"], "text": [123]}, "int64"),
        ({"image": [b"BM"], "text": [None]}, "null"),
        ({"image": [b""], "text": ["x"]}, "must have an image"),
        ({"image": [b"BM"], "text": [["x"]]}, "list"),
    ],
)
def test_parquet_that_does_not_fit(tmp_path: Path, columns: dict[str, list[object]], rule: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(DataError, match=rule) as error:
        load(path)
    assert f"{path}:1" in str(error.value)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="readable Parquet"):
        load(path)


@pytest.mark.parametrize("new", [pa.ipc.new_stream, pa.ipc.new_file])
def test_what_datasets_saves_is_read(
    tmp_path: Path, new: Callable[[str, pa.Schema], pa.ipc.RecordBatchStreamWriter]
) -> None:
    for split in ("train", "test"):
        rows = pa.table(
            {"image": [{"bytes": b"BM", "path": None}] * 70, "text": [f"{split} {i}" for i in range(70)]}
        )
        path = tmp_path / split / "data-00000-of-00001.arrow"
        path.parent.mkdir()
        with new(str(path), rows.schema) as writer:
            writer.write_table(rows)
        write(tmp_path / split / "state.json", "{}")
    write(tmp_path / "dataset_dict.json", '{"splits": ["train", "test"]}')
    found = load(tmp_path)[1]
    assert {split: samples[-1].text for split, samples in found.items()} == {
        "train": "train 69",
        "test": "test 69",
    }
    assert len(found["train"]) == len({sample.path for sample in found["train"]}) == 70


def test_parquet_with_labels_and_texts_takes_the_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = pa.array(["00123"]).dictionary_encode()
    pq.write_table(pa.table({"label": [7], "text": texts, "path": ["i/a.png"]}), path)
    assert read(path) == [("i/a.png", "00123", 1)]
