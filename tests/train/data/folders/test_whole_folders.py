"""Whatever lies in a data folder is read, or named, or refused: splits by all their names, images of all kinds."""

import itertools
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from train.data.folders.notes import collected_notes
from train.data.folders.split_names import NAMES, split_within
from train.data.formats.loading import detect, load
from train.data.formats.named import load_files
from train.data.pictures.kinds import READABLE_SUFFIXES
from train.errors import DataError, UsageError

SAID = [
    (split, name) for split, names in NAMES.items() for name in (*names, names[0].upper(), names[-1].title())
]


def write(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def pair(folder: Path, name: str = "a.png") -> None:
    write(folder / name)
    write((folder / name).with_suffix(".json"), '{"corrected_text": "A"}')


@pytest.mark.parametrize(("split", "name"), SAID)
def test_every_name_of_a_split_is_known_in_folders_and_lists(tmp_path: Path, split: str, name: str) -> None:
    other = "val" if split == "train" else "train"
    for word in (other, name):
        pair(tmp_path / "pairs" / word)
        for folder, form in (("rec", "rec_gt_{}.txt"), ("list", "{}_list.txt"), ("plain", "{}.txt")):
            write(tmp_path / folder / form.format(word), "a.png\tA\n")
        write(tmp_path / "det" / f"{word}.txt", 'a.png\t[{"transcription": "A", "points": []}]\n')
        write(tmp_path / "ori" / f"{word}.txt", "a.png\t180\n")
    for folder in ("pairs", "rec", "list", "plain"):
        assert set(detect(tmp_path / folder)[1]) == {other, split}
    assert set(detect(tmp_path / "det", tasks=("detection",))[1]) == {other, split}
    assert set(detect(tmp_path / "ori", tasks=("orientation",))[1]) == {other, split}


@pytest.mark.parametrize(
    "files", [("val.txt", "valid.txt"), ("rec_gt_dev.txt", "eval_list.txt"), ("Val.txt", "val.txt")]
)
def test_two_lists_of_a_split_are_refused_by_name(tmp_path: Path, files: tuple[str, str]) -> None:
    for name in ("train.txt", *files):
        write(tmp_path / name, "a.png\tA\n")
    with pytest.raises(DataError, match="the val split must have one list") as error:
        load(tmp_path)
    assert all(name in str(error.value) for name in files)


def test_two_folders_of_a_split_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("train", "val", "valid"):
        pair(tmp_path / name)
    with pytest.raises(DataError, match=r"one folder, got .* with val and valid"):
        load(tmp_path)


def test_a_validation_folder_beside_labelled_images_is_no_part_of_them(tmp_path: Path) -> None:
    pair(tmp_path)
    pair(tmp_path / "dev")
    assert {split: len(samples) for split, samples in load(tmp_path)[1].items()} == {"all": 1, "val": 1}


def test_a_dictionary_is_no_list_and_a_list_without_tabs_is_a_table(tmp_path: Path) -> None:
    write(tmp_path / "train.txt", "A\nB\n")
    with pytest.raises(DataError, match="known format"):
        load(tmp_path)
    write(tmp_path / "train.txt", "images/a.png A\n")
    assert load(tmp_path)[0] == "table"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_utf_16_is_said(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "train.txt").write_bytes("a.png\tA\n".encode(encoding))
    with pytest.raises(DataError, match="UTF-16; save it as UTF-8"):
        load(tmp_path)


@pytest.mark.parametrize(
    "suffix", sorted({*READABLE_SUFFIXES, *(suffix.upper() for suffix in READABLE_SUFFIXES)})
)
def test_images_of_every_kind_are_read_by_every_format_of_folders(tmp_path: Path, suffix: str) -> None:
    pair(tmp_path / "pairs", f"a{suffix}")
    write(tmp_path / "names" / "inner" / f"A_1{suffix}")
    write(tmp_path / "corners" / f"a{suffix}")
    write(tmp_path / "corners" / "a.txt", "0,0,9,0,9,9,0,9,A\n")
    write(tmp_path / "icdar" / f"a{suffix}")
    write(tmp_path / "icdar" / "gt_a.txt", "0,0,9,0,9,9,0,9,A\n")
    read = [load(tmp_path / "pairs"), load(tmp_path / "names", name="filename")]
    read += [load(tmp_path / name, tasks=("detection",)) for name in ("corners", "icdar")]
    assert [[sample.path.suffix for sample in splits["all"]] for _, splits in read] == [[suffix]] * 4


def test_two_images_of_one_label_are_refused(tmp_path: Path) -> None:
    pair(tmp_path, "a.png")
    pair(tmp_path, "a.jpg")
    with pytest.raises(DataError, match=r"a\.png and a\.jpg"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["a.json", "a.gt.txt", "a.txt"])
def test_an_image_without_a_text_is_one_bad_sample(tmp_path: Path, name: str) -> None:
    for image in ("a.png", "b.png"):
        write(tmp_path / image)
    write(tmp_path / name, '{"corrected_text": "A"}' if name == "a.json" else "A")
    with collected_notes() as notes:
        [samples] = load(tmp_path)[1].values()
    assert [(sample.path.name, sample.text) for sample in samples] == [("a.png", "A"), ("b.png", "")]
    [line] = notes
    assert line.startswith(f"{tmp_path}: images without a {name[1:]} of their name, ")
    assert "1, the first: b.png" in line


def test_shapes_of_another_tool_are_no_labels_beside_a_list(tmp_path: Path) -> None:
    write(tmp_path / "rec_gt.txt", "a.png\tA\n")
    for name, shapes in (
        ("a", {"version": "5", "shapes": [], "imagePath": "a.png"}),
        ("b", {"version": "5"}),
    ):
        pair(tmp_path, f"{name}.png")
        write(tmp_path / f"{name}.json", json.dumps(shapes))
    assert load(tmp_path)[0] == "paddleocr"


def test_what_is_not_read_is_named_and_counted(tmp_path: Path) -> None:
    write(tmp_path / "train.txt", "images/a.png\tA\n")
    for name in ("images/a.png", "images/b.png", "extra/c.JPG", "extra/d.jp2", "extra/.hidden.png"):
        write(tmp_path / name)
    for name in ("rec_gt.txt", "Label.txt", "labels_old.txt"):
        write(tmp_path / name, "a.png\tA\n")
    write(tmp_path / "dict.txt", "A\n")
    write(tmp_path / "manifest.json", '{"texts": "vin", "train": 512}')
    write(tmp_path / "README.txt", "hello\n")
    (tmp_path / "gone.json").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.txt")
    with collected_notes() as notes:
        load(tmp_path)
    (line,) = notes
    assert line.startswith(f"left aside in {tmp_path}: ")
    told = [
        "Label.txt, labels_old.txt, rec_gt.txt;",
        "2 images that no label read names (1 in",
        "1 pictures",
        ".jp2",
    ]
    assert [part for part in told if part not in line] == []
    assert not any(
        name in line for name in ("gone", "pipe", "dict.txt", "README", "train.txt", "hidden", "manifest")
    )


@pytest.mark.parametrize("content", ["", "images/b.png A\n", "images/b.png,A\n"])
def test_a_split_whose_list_is_empty_or_of_another_form_is_told(tmp_path: Path, content: str) -> None:
    """Another one is made of the training lines then."""
    write(tmp_path / "train.txt", "images/a.png\tA\n")
    write(tmp_path / "val.txt", content)
    with collected_notes() as notes:
        load(tmp_path)
    assert notes == [f"left aside in {tmp_path}: val.txt"]
    for name in ("train", "val"):
        (tmp_path / f"{name}.txt").rename(tmp_path / f"rec_gt_{name}.txt")
    write(tmp_path / "rec_gt_val.txt", "")
    with collected_notes() as notes:
        load(tmp_path)
    assert notes == ["the list of val is empty; a val split may be made of the training samples"]


def test_nothing_is_said_of_a_folder_that_is_read_whole(tmp_path: Path) -> None:
    for split in ("training", "valid", "testing"):
        pair(tmp_path / split)
    with collected_notes() as notes:
        load(tmp_path)
    assert notes == []


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("ch4_training_images", "train"),
        ("Validation GT", "val"),
        ("testset", "test"),
        ("evaluation", "val"),
        ("gt", None),
    ],
)
def test_a_split_is_told_in_a_longer_name(name: str, split: str | None) -> None:
    assert split_within(name) == split


@pytest.mark.parametrize(
    ("values", "splits"),
    [
        (("train", "Val ", "train"), {"train": 2, "val": 1}),
        (("train", "train", "train"), {"all": 3}),
        (("train", "test", "other"), {"all": 3}),
        (("train", "test", ""), {"all": 3}),
    ],
)
def test_a_column_of_nothing_but_splits_tells_them(
    tmp_path: Path, values: tuple[str, ...], splits: dict[str, int]
) -> None:
    rows = "".join(f"{value},{number}.png,A{number}\n" for number, value in enumerate(values))
    write(tmp_path / "a.csv", f"phase,image,text\n{rows}")
    with collected_notes() as notes:
        assert {split: len(samples) for split, samples in load(tmp_path)[1].items()} == splits
    assert any("the column phase tells the splits" in line for line in notes) == ("all" not in splits)


def test_names_of_splits_differ() -> None:
    names = list(itertools.chain.from_iterable(NAMES.values()))
    assert len(names) == len(set(names))


def test_a_list_without_splits_is_for_training_beside_one_of_another_split(tmp_path: Path) -> None:
    for name in ("rec_gt.txt", "rec_gt_valid.txt"):
        write(tmp_path / name, "a.png\tA\n")
    assert list(load(tmp_path)[1]) == ["all", "val"]


def test_lists_without_splits_may_lie_in_folders_of_splits(tmp_path: Path) -> None:
    for name in ("training", "eval"):
        write(tmp_path / name / "rec_gt.txt", "a.png\tA\n")
    found = {split: path.parent.name for split, path in detect(tmp_path)[1].items()}
    assert found == {"train": "training", "val": "eval"}


@pytest.mark.parametrize("form", ["{}.txt", "rec_gt_{}.txt", "{}_list.txt"])
def test_the_list_of_a_split_may_lie_in_a_folder_of_its_name(tmp_path: Path, form: str) -> None:
    for name in ("Train", "valid"):
        write(tmp_path / name / form.format(name), "a.png\tA\n")
    found = {split: path.parent.name for split, path in detect(tmp_path)[1].items()}
    assert found == {"train": "Train", "val": "valid"}
    lists = tmp_path / "Train"  # as a disk that ignores case has it
    (lists / form.format("train")).hardlink_to(lists / form.format("Train"))
    assert detect(tmp_path)[1].keys() == found.keys()
    write(tmp_path / "Train" / form.format("val"), "a.png\tA\n")  # whose is it?
    with pytest.raises(DataError, match=r"Train, .*valid: name one of them .* the options --train-labels"):
        detect(tmp_path)


def test_folders_with_labels_are_named_where_the_folder_has_none(tmp_path: Path) -> None:
    write(tmp_path / "export" / "rec" / "train.txt", "a.png\tA\n")
    with pytest.raises(DataError, match=r"labels lie in \S*/export/rec: name that"):
        load(tmp_path)


def test_a_table_of_unusual_columns_is_read_by_its_options_and_other_files_are_named(tmp_path: Path) -> None:
    table = write(tmp_path / "a.csv", "Datei;Stand\na.png;007\n")
    write(tmp_path / "a.png")
    options = {"image": "Datei", "text": "Stand"}
    assert [sample.text for sample in load(tmp_path, options)[1]["all"]] == ["007"]
    with pytest.raises(DataError, match="columns Datei, Stand; name it with --option image=COLUMN"):
        load(tmp_path)
    for split in ("train", "val"):
        write(tmp_path / "split" / f"{split}.csv", table.read_text())
    assert list(load(tmp_path / "split", options)[1]) == ["train", "val"]
    for name, remedy in (
        ("b.png", "--format filename"),
        ("c.txt", r"stand in c\.txt, name"),
        ("b.xlsx", r"save b\.xlsx as CSV"),
        ("b.zip", r"stand in c\.txt, .*; or save b\.xlsx as CSV; or unpack b\.zip"),
        ("a.json", r"mend a\.json: "),
    ):
        write(tmp_path / "other" / name, "a\tA\n")  # which may be no image
        with pytest.raises(DataError, match=remedy):
            load(tmp_path / "other")
    write(tmp_path / "lines" / "rec_gt.txt", "a.png\tA\n")
    for named in (tmp_path / "lines", tmp_path / "lines" / "rec_gt.txt"):
        with pytest.raises(DataError, match="labels are for the task recognition, which --task names"):
            load(named, tasks=("detection",))


def test_labels_that_are_named_twice_are_refused(tmp_path: Path) -> None:
    """By another path, within a folder that is named, too, and as two parts of one table."""
    write(tmp_path / "lines" / "rec_gt.txt", "a.png\tA\n")
    hub = [tmp_path / "hub" / f"train-{number:05d}-of-00002.parquet" for number in range(2)]
    for number, path in enumerate(hub):
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"image": [f"{number}.png"], "text": ["A"]}), path)
    lines = [
        tmp_path / "lines",
        tmp_path / "lines" / "rec_gt.txt",
        tmp_path / "hub" / ".." / "lines" / "rec_gt.txt",
    ]
    for twice in (lines[:2], lines[1:], hub, [hub[0].parent, hub[1]]):
        with pytest.raises(UsageError, match="named once"):
            load_files(twice)
    assert len(load_files([lines[0], hub[0]])[1]) == 3
