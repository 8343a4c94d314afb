"""What each reader accepts and how it refuses the rest; see also tests/contracts/test_formats.py."""

import json
from pathlib import Path

import pytest

from train.data.formats.loading import detect, load, load_file
from train.data.formats.named import load_alone
from train.errors import DataError, UsageError


def test_the_real_sets_are_read_whole(data_dir: Path) -> None:
    counts = {}
    for name in ("vin", "receipts", "scene_words"):
        _, splits = load(data_dir / name)
        counts[name] = tuple(len(splits[split]) for split in ("train", "val"))
        assert all(sample.path.is_file() for samples in splits.values() for sample in samples)
    assert counts == {"vin": (512, 172), "receipts": (2452, 615), "scene_words": (2500, 400)}


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_paddleocr_reads_lists_of_paths_bom_crlf_and_blank_lines(tmp_path: Path) -> None:
    labels = write(
        tmp_path / "labels.txt", b'\xef\xbb\xbfa.jpg\t A \r\n\r\n["b.jpg", "c d.jpg"]\tB\n[1].jpg\t\n'
    )
    found = [(s.path.name, s.text, s.source.rpartition(":")[2]) for s in load_file(labels)]
    assert found == [("a.jpg", " A ", "1"), ("b.jpg", "B", "3"), ("c d.jpg", "B", "3"), ("[1].jpg", "", "4")]
    for ends in ("\r\r\n", "\r"):
        write(labels, f"a.jpg\tA{ends}b.jpg\tB{ends}")
        assert [sample.text for sample in load_file(labels)] == ["A", "B"]


def test_paddleocr_keeps_unicode_line_separators_in_a_text(tmp_path: Path) -> None:
    assert (
        load_file(write(tmp_path / "labels.txt", "a.jpg\tA\u2028B\x0cC\u0085\n"))[0].text
        == "A\u2028B\x0cC\u0085"
    )


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"a.jpg A", "one tab"),
        (b"a.jpg\tA\tB", "one tab"),
        (b"\tA", "one tab"),
        (b"\t", "one tab"),
        (b"[1, 2]\tA", "JSON list"),
        (b"[]\tA", "JSON list"),
        (b"[a.jpg]\tA", "JSON list"),
        (b"a.jpg\t\xff", "UTF-8"),
        (b'a.jpg\t[{"transcription": "A", "points": []}]', "rec_gt list"),
    ],
)
def test_a_malformed_line_is_refused_by_its_number(tmp_path: Path, line: bytes, rule: str) -> None:
    labels = write(tmp_path / "labels.txt", b"ok.jpg\tA\n" + line + b"\n")
    with pytest.raises(DataError, match=rule) as error:
        load_file(labels)
    assert f"{labels}:2" in str(error.value)


def test_splits_are_found_by_both_names(tmp_path: Path) -> None:
    for name in ("train_list.txt", "rec_gt_val.txt", "rec_gt.txt"):
        write(tmp_path / name, "a.jpg\tA\n")
    assert list(load(tmp_path)[1]) == ["train", "val"]
    write(tmp_path / "rec_gt_train.txt", "a.jpg\tA\n")
    with pytest.raises(DataError, match="one list"):
        load(tmp_path)


def test_a_single_split_is_one_file(tmp_path: Path) -> None:
    for name in ("rec_gt_train.txt", "rec_gt_val.txt"):
        write(tmp_path / name, "a.jpg\tA\n")
    with pytest.raises(UsageError, match="one file"):
        load_file(tmp_path)


def character_set(folder: Path, rows: str, names: object) -> Path:
    folder.mkdir(exist_ok=True)
    write(folder / "samples.csv", f"path,character,id\n{rows}")
    write(folder / "id2char.json", json.dumps(names))
    return folder


def test_samples_csv_reads_quotes_and_split_folders(tmp_path: Path) -> None:
    character_set(tmp_path / "train", 'a.png,"""",0\nb.png,",",1\n', {"0": '"', "1": ","})
    character_set(tmp_path / "val", "c.png,C,0\n", {"0": "C"})
    name, splits = load(tmp_path)
    assert (name, [s.text for s in splits["train"]]) == ("samples_csv", ['"', ","])
    assert [s.path for s in splits["val"]] == [tmp_path / "val" / "c.png"]
    assert load_file(tmp_path / "val" / "samples.csv") == splits["val"]


@pytest.mark.parametrize(
    ("rows", "names", "rule"),
    [
        ("a.png,A,1\n", {"1": "B"}, "agree"),
        ("a.png,A,7\n", {"1": "A"}, "agree"),
        ("a.png,A\n", {"1": "A"}, "must have a path"),
        (",A,1\n", {"1": "A"}, "must have a path"),
        ('a.png,"A,1\n', {"1": "A"}, "valid CSV"),
    ],
)
def test_samples_csv_refuses_a_row_by_its_number(tmp_path: Path, rows: str, names: object, rule: str) -> None:
    with pytest.raises(DataError, match=rule) as error:
        load(character_set(tmp_path, rows, names))
    assert f"{tmp_path / 'samples.csv'}:2" in str(error.value)


def test_samples_csv_refuses_other_columns_and_names(tmp_path: Path) -> None:
    write(character_set(tmp_path, "", {}) / "samples.csv", "file,character,id\n")
    with pytest.raises(DataError, match="columns path, character, id"):
        load(tmp_path)
    write(tmp_path / "samples.csv", 'path,"char"acter,id\n')
    with pytest.raises(DataError, match="valid CSV"):
        load(tmp_path)
    (tmp_path / "id2char.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match="must be JSON"):
        load(tmp_path)
    with pytest.raises(DataError, match="map ids"):
        load(character_set(tmp_path, "a.png,A,0\n", ["A"]))


def pair(folder: Path, stem: str, label: str) -> None:
    folder.mkdir(exist_ok=True)
    write(folder / f"{stem}.png", b"")
    write(folder / f"{stem}.json", label)


def test_image_json_takes_the_key_from_its_option(tmp_path: Path) -> None:
    pair(tmp_path, "a", '{"corrected_text": "A", "raw": "B"}')
    assert load(tmp_path)[1]["all"][0].text == "A"
    assert load(tmp_path, {"text_key": "raw"})[1]["all"][0].text == "B"


@pytest.mark.parametrize(
    ("label", "rule"),
    [
        ('{"text": "A"}', "text_key"),
        ('{"corrected_text": null}', "a string, got .*null"),
        ('["A"]', "text_key"),
        ("{", "must be JSON"),
    ],
)
def test_image_json_refuses_a_label_without_a_text(tmp_path: Path, label: str, rule: str) -> None:
    pair(tmp_path, "a", label)
    with pytest.raises(DataError, match=rule) as error:
        load(tmp_path)
    assert f"{tmp_path / 'a.json'}:1" in str(error.value)


def test_filename_is_detected_only_with_its_pattern(tmp_path: Path) -> None:
    write(tmp_path / "AB 1_cam2.jpg", b"")
    with pytest.raises(DataError, match="known format"):
        detect(tmp_path)
    assert load(tmp_path, {"pattern": r"(?P<text>.+)_cam\d"})[1]["all"][0].text == "AB 1"
    assert load(tmp_path, name="filename")[1]["all"][0].text == "AB 1"
    (tmp_path / "train" / "CD 2").mkdir(parents=True)
    write(tmp_path / "train" / "CD 2" / "7.jpg", b"")
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "elsewhere" / "8.jpg", b"")
    (tmp_path / "train" / "EF").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "train" / "again").symlink_to(tmp_path / "train" / "CD 2")
    (tmp_path / "train" / "up").symlink_to(tmp_path / "train")
    texts = [sample.text for sample in load(tmp_path, {"pattern": "(?P<text>[^/]+)/.*"})[1]["train"]]
    assert texts == ["CD 2", "EF"]


@pytest.mark.parametrize(
    ("pattern", "error"), [("(", UsageError), (".+", UsageError), (r"(?P<text>\d+)", DataError)]
)
def test_filename_refuses_a_pattern_that_cannot_work(
    tmp_path: Path, pattern: str, error: type[DataError]
) -> None:
    write(tmp_path / "AB.jpg", b"")
    with pytest.raises(error, match="pattern"):
        load(tmp_path, {"pattern": pattern})


def test_unknown_options_missing_folders_and_two_formats_are_refused(tmp_path: Path) -> None:
    labels = write(tmp_path / "rec_gt.txt", "a.png\tA\n")
    with pytest.raises(UsageError, match="it takes: root"):
        load(labels, {"pattern": "x"}, "paddleocr")
    with pytest.raises(UsageError, match="a format takes, got colour"):
        load(labels, {"colour": "x"})
    with pytest.raises(DataError, match="must exist"):
        load(tmp_path / "nowhere")
    pair(tmp_path, "a", '{"corrected_text": "A"}')
    with pytest.raises(DataError, match="choose with --format"):
        load(tmp_path)
    with pytest.raises(DataError, match=r"convert it first: python -m train\.data\.convert"):
        load_alone(tmp_path)
