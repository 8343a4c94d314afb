"""Labels that were joined, stand under another name, or are none: what is said of them; and they stay as they are."""

import base64
import io
import json
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from tests.contracts.format_examples import write_image, write_shard
from train.data import check
from train.data import format as format_command
from train.data.folders.notes import collected_notes
from train.data.formats.loading import load
from train.data.formats.named import require_apart
from train.data.formats.tables.image_names import is_inside
from train.errors import DataError, UsageError

MARK = "\ufeff"
ROWS = [("a.png", "x"), ("b.png", "y")]


def texts_of(
    path: Path, options: dict[str, str] | None = None, name: str | None = None
) -> list[tuple[str, str]]:
    [samples] = load(path, options or {}, name)[1].values()
    return [(sample.path.name, sample.text) for sample in samples]


@pytest.mark.parametrize(
    "content",
    [
        {"info": {}, "data": [{"path": a, "text": b} for a, b in ROWS]},
        {"path": ["a.png", "b.png"], "text": ["x", "y"]},
        {"path": {"0": "a.png", "1": "b.png"}, "text": {"0": "x", "1": "y"}},
        {"0": {"path": "a.png", "text": "x"}, "1": {"path": "b.png", "text": "y"}},
        {"a.png": {"text": "x"}, "b.png": {"text": "y"}},
    ],
)
def test_a_table_in_one_json_object(tmp_path: Path, content: object) -> None:
    (tmp_path / "labels.json").write_text(json.dumps(content, indent=1))
    assert texts_of(tmp_path) == ROWS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.csv", f"{MARK}path,text\na.png,x\n{MARK}path,text\nb.png,y\n"),
        ("labels.tsv", "path\ttext\na.png\tx\npath\ttext\nb.png\ty\n"),
        ("labels.txt", f"{MARK}a.png x\n{MARK}b.png y\n"),
        ("labels.jsonl", "".join(MARK + json.dumps({"path": a, "text": b}) + "\n" for a, b in ROWS)),
        ("labels.json", "".join(json.dumps({"path": a, "text": b}) + "\n" for a, b in ROWS)),
    ],
)
def test_tables_that_were_joined_or_stand_under_another_name(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, "utf-8")
    with collected_notes() as notes:
        assert texts_of(tmp_path) == ROWS
    assert any("repeat the header" in line for line in notes) == (name in ("labels.csv", "labels.tsv"))


def test_the_corners_of_words_are_no_table(tmp_path: Path) -> None:
    """ICDAR 2015 has them beside the table of the words."""
    write_image(tmp_path / "a.png", 0)
    (tmp_path / "gt.txt").write_text('a.png, "x"\n')
    (tmp_path / "coords.txt").write_text("a.png,0,8,79,0,79,32,0,40\n")
    assert texts_of(tmp_path) == [("a.png", "x")]


@pytest.mark.parametrize("name", [None, "table"])
def test_a_table_of_unusual_columns_beside_an_archive_is_found_by_their_names(
    tmp_path: Path, name: str | None
) -> None:
    (tmp_path / "words.csv").write_text("bild,wort\na.png,x\n")
    write_shard(tmp_path / "images.tar", [("a.png", b"x"), ("a.txt", b"z")])
    assert texts_of(tmp_path, {"image": "bild", "text": "wort"}, name) == [("a.png", "x")]


@pytest.mark.parametrize("name", ["A1 (1)", "A1 - Copy", "A1%20B", "A1.rf.0a1b2c", "A1.jpg"])
def test_what_a_system_adds_to_the_names_of_files_is_told(tmp_path: Path, name: str) -> None:
    for stem in (name, "B (x)", "B.2", "C-1"):
        write_image(tmp_path / f"{stem}.png", 0)
    with collected_notes() as notes:
        assert (f"{name}.png", name) in texts_of(tmp_path, name="filename")
    assert [line for line in notes if f"1, the first: {name!r}" in line]


def test_numbers_in_place_of_texts_are_told(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a.png 89 201 241\nb.png 178 19 94\n")
    with collected_notes() as notes:
        assert texts_of(tmp_path)[0] == ("a.png", "89 201 241")
    assert any("places in a dictionary" in line for line in notes)


@pytest.mark.parametrize("content", ["a.png\t1\t2\t3\t4\tAB123\n", '{"company": "X", "total": "9.00"}'])
def test_more_than_a_text_beside_an_image_is_no_text(tmp_path: Path, content: str) -> None:
    """OpenALPR's benchmarks have name, place and plate there, SROIE's third task what is asked of a receipt."""
    write_image(tmp_path / "a.png", 0)
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(DataError, match="its text alone"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("train.tfrecord-00000-of-00002", "TensorFlow's records"),
        ("gt.mat", "MATLAB"),
        ("lines.hdf5", "write its images as files"),
        ("labels.db", "save a table"),
        ("labels.feather", "as Parquet or CSV"),
        ("output.manifest", "name it .jsonl"),
        ("train.list", "name it .txt"),
        ("labels.yaml", "save them as JSON"),
        ("a.box", "NAME.gt.txt"),
        ("a.hocr", "ALTO"),
    ],
)
def test_labels_that_nothing_reads_are_named_with_a_way_out(tmp_path: Path, name: str, remedy: str) -> None:
    write_image(tmp_path / "a.png", 0)
    (tmp_path / name).touch()
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(DataError, match=remedy):
            load(path)


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("a.png", "", "that is an image"),
        ("labels", "a.png\tx\n", "name it .txt"),
        ("a.json", '{"rows": 1, "columns": 2}', "it holds rows, columns.*a table"),
        ("a.json", '[["a.png", "x"]]', "it holds a list of no objects.*a table"),
        ("a.json", '[{"id": 1, "annotation_id": 2}]', "JSON-MIN"),
        ("a.json", 'a.png\t[{"transcription": "x", "points": []}]\n', "a.json .txt"),
        ("a.json", '{"images": [], "annotations": [{"bbox": NaN}]}', "mend a.json: NaN is no JSON"),
    ],
)
def test_a_file_that_is_no_label_file_says_what_it_is(
    tmp_path: Path, name: str, content: str, remedy: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=remedy):
        load(tmp_path / name)
    if name == "a.json":  # nothing is gained by naming the only one
        with pytest.raises(DataError, match=remedy):
            load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        ("rec_gt.txt", "a.png\tx\n".encode("utf-16-le"), "UTF-16; save it as UTF-8"),
        ("rec_gt.txt", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        ("rec_gt.txt", b'"a.png"\t"x"\n', "without quotation marks.*tsv"),
        ("rec_gt.txt", b'a.png\t{"text": "x"}\nb.png\t{"text": "y"}\n', "what one line shows"),
        ("gt.txt", b'a.png [{"transcription": "x", "points": []}]\n', "what one line shows.*a tab"),
        ("train.txt", b"a.png 1,2,30,9,0 3,4,30,9,1\nb.png 1,2,30,9,0\n", "what one line shows"),
        ("labels.csv", b"filename,text,corrected_text\na.png,x,y\n", "text, corrected_text"),
        ("metadata.jsonl", b'[{"file_name": "a.png", "text": "x"}]', r"name the file \.json"),
        ("metadata.jsonl", b'{\n "file_name": "a.png",\n "text": "x"\n}', r"name the file \.json"),
    ],
)
def test_what_would_be_another_text_is_refused(
    tmp_path: Path, name: str, content: bytes, remedy: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=remedy):
        load(tmp_path)


def test_lines_that_kraken_compiled_are_not_read(tmp_path: Path) -> None:
    table = pyarrow.table({"lines": [{"text": "x", "im": b""}], "train": [True]})
    with pyarrow.ipc.new_file(tmp_path / "lines.arrow", table.schema) as file:
        file.write_table(table)
    with pytest.raises(DataError, match="what they were compiled from"):
        load(tmp_path)


def test_quotation_marks_around_all_texts_are_told(tmp_path: Path) -> None:
    for texts, told in ((("'x'", "'y'"), True), (("'x'", "y"), False)):
        (tmp_path / "rec_gt.txt").write_text("".join(f"{text}.png\t{text}\n" for text in texts))
        with collected_notes() as notes:
            load(tmp_path)
        assert any("quotation marks" in line for line in notes) == told


@pytest.mark.parametrize(
    ("names", "remedy"),
    [
        (["a/b/c.png"], "images alone"),
        (["c.png", "Thumbs.db", "desktop.ini"], "images alone"),
        (["c.png", "config.yml"], "stand in config.yml, save them .*; or where the names of images hold"),
        (["a/c.png", "b/c.mat"], "MATLAB"),
        (["a/c.png", "README.md", "b/train.jsonl.gz"], r"unpack train\.jsonl\.gz"),
        (["a/c.png", "b/c.xml"], r"b/c\.xml are of no known form"),
    ],
)
def test_what_lies_in_the_folders_below_is_named(tmp_path: Path, names: list[str], remedy: str) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=remedy):
        load(tmp_path)


def test_lists_of_other_names_in_the_folders_below_are_told(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        (tmp_path / split / "label.txt").write_text("a.png\tA\n")
    with pytest.raises(DataError, match=r"train/label\.txt, val/label\.txt, name one of them, or each"):
        load(tmp_path)


def test_what_is_written_never_takes_the_place_of_what_is_read(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 0)
    labels = tmp_path / "labels.json"
    labels.write_text('{"a.png": "x"}')
    (tmp_path / "link.json").symlink_to(labels)
    for option, name in (("--json", "labels.json"), ("--json", "link.json"), ("--html", "a.png")):
        with pytest.raises(UsageError, match=f"{option} must not replace what is read"):
            check.main([str(tmp_path), option, str(tmp_path / name)])
    with pytest.raises(UsageError, match="--json and --html must be two files"):
        check.main([str(tmp_path), *(f"{option}={tmp_path}/found" for option in ("--json", "--html"))])
    require_apart({"--json": Path(os.devnull), "--html": Path(os.devnull)}, [])
    assert labels.read_text() == '{"a.png": "x"}'
    proposal = tmp_path / "format.yaml"
    proposal.write_text("pattern: x\n")
    with pytest.raises(UsageError, match="--write must be a new file"):
        format_command.main([str(tmp_path), "--write", str(proposal)])


@pytest.mark.parametrize("size", [12, 400])
def test_an_image_in_the_place_of_its_name_is_refused_as_such(tmp_path: Path, size: int) -> None:
    """A cell of over 131,072 characters is more than Python's csv takes by itself."""
    write_image(tmp_path / "a.png", 0, (size, size))
    image = base64.b64encode((tmp_path / "a.png").read_bytes()).decode()
    for cell in (image, f"data:image/png;base64,{image}"):
        (tmp_path / "labels.csv").write_text(f"image,text\n{cell},x\n")
        (tmp_path / "labels.jsonl").write_text(json.dumps({"image": cell, "text": "x"}))
        for name in ("labels.csv", "labels.jsonl"):
            with pytest.raises(DataError, match="the image itself; write the images as files") as raised:
                load(tmp_path / name)
            assert len(str(raised.value)) < 400


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"])
def test_an_image_of_any_kind_is_told_from_a_name(kind: str) -> None:
    file = io.BytesIO()
    Image.effect_noise((32, 32), 50).convert("RGB").save(file, kind)
    encoded = base64.b64encode(file.getvalue()).decode()
    assert is_inside(encoded)
    assert not is_inside(encoded[:96]), "it may be a name"
    assert not is_inside(f"Qk0/{'a' * 50}/{'b' * 50}.png")


def test_what_datasets_did_not_embed_is_read_by_its_paths(tmp_path: Path) -> None:
    """An image of a data set is bytes, a path, or both."""
    write_image(tmp_path / "images" / "a.png", 0)
    images = [{"bytes": None, "path": "images/a.png"}]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    table = pyarrow.table({"image": pyarrow.array(images, kind), "text": ["x"]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_text(json.dumps({"image": images[0], "text": "x"}))
    for name in ("a.parquet", "b.jsonl"):
        assert texts_of(tmp_path / name) == [("a.png", "x")]
