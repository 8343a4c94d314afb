"""COCO's annotations with texts, COCO-Text's and TextOCR's, and tables of boxes: the photos of a split in one file."""

from pathlib import Path

import pytest

from tests.train.data.formats.test_other_tools import QUAD, photos, regions, touch, write
from train.data.folders.notes import collected_notes
from train.data.photos.regions import Region, regions_of
from train.errors import DataError


def test_coco_as_downloaded(tmp_path: Path) -> None:
    """Photos of both splits may have the same names."""
    outline = [[value for point in QUAD for value in point]]
    annotations = [
        {"image_id": 1, "bbox": [0, 0, 5, 5], "segmentation": outline, "attributes": {"text": "x"}},
        {"image_id": 1, "bbox": [1, 2, 29, 7], "segmentation": {"counts": "", "size": [1, 1]}, "iscrowd": 1},
    ]
    for split in ("train", "val"):
        touch(tmp_path / f"{split}2017" / "a.jpg")
        content = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": annotations}
        write(tmp_path / "annotations" / f"instances_{split}2017.json", content)
    found = photos(tmp_path)
    assert [samples[0].path.parent.name for samples in found.values()] == ["train2017", "val2017"]
    assert regions_of(found["val"][0].text) == (Region(QUAD, "x"), Region(QUAD, "", True))


def test_textocr_names_another_folder_than_it_comes_in(tmp_path: Path) -> None:
    """Its photos of val, too, lie in what is called as train; of two such folders neither is taken."""
    for name in ("a", "b"):
        touch(tmp_path / "train_images" / f"{name}.jpg")
    for split, name in (("train", "a"), ("val", "b")):
        content = {"imgs": {name: {"id": name, "file_name": f"train/{name}.jpg"}}, "anns": {}}
        write(tmp_path / f"TextOCR_0.1_{split}.json", content)
    assert [samples[0].path.is_file() for samples in photos(tmp_path).values()] == [True, True]
    touch(tmp_path / "train_more" / "a.jpg")
    assert [samples[0].path.is_file() for samples in photos(tmp_path).values()] == [False, False]


def test_coco_text(tmp_path: Path) -> None:
    entry = {"image_id": 7, "bbox": [1, 2, 29, 7], "utf8_string": "x", "legibility": "illegible"}
    path = write(
        tmp_path / "cocotext.json", {"imgs": {"7": {"id": 7, "file_name": "a.jpg"}}, "anns": {"1": entry}}
    )
    assert regions(path) == [Region(QUAD, "x", True)]
    outline = {**entry, "points": [1, 2, 30, 2, 30, 9, 1, 9], "bbox": [0, 0, 40, 12], "segmentation": []}
    write(path, {"imgs": {"7": {"id": 7, "file_name": "a.jpg"}}, "anns": {"1": outline}})
    assert regions(path) == [Region(QUAD, "x", True)]
    dotted = {**entry, "utf8_string": ".", "legibility": "legible"}
    write(path, {"imgs": {"7": {"id": 7, "file_name": "a.jpg"}}, "anns": {"1": dotted}})
    assert regions(path) == [Region(QUAD, ".", True)]
    two = [{"id": 7, "file_name": "a.jpg"}, {"id": 7, "file_name": "b.jpg"}]
    with pytest.raises(DataError, match="7 twice"):
        photos(write(path, {"images": two, "annotations": [entry]}))
    for wrong, rule in (
        ({"image_id": 8}, "image of the file"),
        ({"bbox": []}, "bbox"),
        ({"utf8_string": 5}, "string"),
    ):
        write(path, {"imgs": {"7": {"id": 7, "file_name": "a.jpg"}}, "anns": {"1": {**entry, **wrong}}})
        with pytest.raises(DataError, match=rule):
            photos(path)


def test_texts_under_another_key_are_told(tmp_path: Path) -> None:
    entry = {"image_id": 7, "bbox": [1, 2, 29, 7], "ocr": "x", "attributes": {"color": "red"}}
    write(tmp_path / "a.json", {"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": [entry]})
    with collected_notes() as notes:
        photos(tmp_path)
    assert any("--option text=NAME, one of: color, ocr" in line for line in notes)


def test_a_split_without_labels_is_told(tmp_path: Path) -> None:
    entry = {"image_id": 1, "bbox": [1, 2, 29, 7], "text": "x"}
    names = [{"id": number, "file_name": f"{number}.jpg"} for number in (1, 2)]
    write(tmp_path / "train.json", {"images": names, "annotations": [entry]})
    write(tmp_path / "test.json", {"images": names, "annotations": []})
    with collected_notes() as notes:
        photos(tmp_path)
    assert [line for line in notes if "has a region" in line] == [
        f"{tmp_path}: no photo of test has a region; if they are not labelled, leave them out"
    ]


def test_a_column_tells_the_split_of_a_photo_in_a_table_of_boxes(tmp_path: Path) -> None:
    rows = [f"{split}.jpg,x,1,2,30,9,{split}" for split in ("train", "val")]
    write(tmp_path / "boxes.csv", "\n".join(["filename,text,xmin,ymin,xmax,ymax,split", *rows]))
    assert {split: s.path.name for split, [s] in photos(tmp_path).items()} == {
        "train": "train.jpg",
        "val": "val.jpg",
    }
