"""Labels that look like those of something else: what is read as it stands, told apart, or refused."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.format_examples import write_image
from tests.train.data.formats.test_tables import write
from train.data.folders.notes import collected_notes
from train.data.formats import FORMATS
from train.data.formats.line_lists.class_list import class_names
from train.data.formats.loading import load
from train.data.photos.regions import regions_of
from train.errors import DataError

BOX = [2, 2, 30, 2, 30, 9, 2, 9]


def texts_in(folder: Path, **told: Any) -> list[str]:
    return [sample.text for samples in load(folder, **told)[1].values() for sample in samples]


def test_the_images_of_a_folder_are_listed_once_for_all_its_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where each text may be a label file by itself, as none is found."""
    for number in range(20):
        write(tmp_path / f"{number}.txt", "Some words, and more\n" * 9)
    listed, tried = list[str](), list[str]()
    list_folder, is_file = os.listdir, os.path.isfile
    monkeypatch.setattr(os, "listdir", lambda folder: listed.append(str(folder)) or list_folder(folder))
    monkeypatch.setattr(os.path, "isfile", lambda path: tried.append(str(path)) or is_file(path))
    assert FORMATS.get("table").find(tmp_path) == {}
    assert 0 < listed.count(str(tmp_path)) < 20 > len(tried)
    counts = []
    for number in (30, 60):
        for more in range(number):
            write(tmp_path / f"{number}_{more}.txt", "Some words, and more\n")
        listed.clear()
        with pytest.raises(DataError):
            load(tmp_path)
        counts.append(listed.count(str(tmp_path)))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "texts",
    [("3,4,7,1,0", "1,234,567,890,120"), ('{"id": 0}', '{"id": 1}'), ("{}", "{}"), ("[{}]", '[{"a": 1}]')],
)
def test_numbers_with_commas_and_code_are_texts(tmp_path: Path, texts: tuple[str, str]) -> None:
    (tmp_path / "rec_gt.txt").write_text(
        "".join(f"{number}.png\t{text}\n" for number, text in enumerate(texts))
    )
    with collected_notes() as notes:
        assert texts_in(tmp_path) == list(texts)
    assert any("sides of boxes" in note for note in notes) == (texts[0][0] == "3")


def test_a_column_that_is_named_holds_texts(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        "".join(
            f"{json.dumps({'image': f'{name}.png', 'text': json.dumps({'text': name})})}\n" for name in "ab"
        )
    )
    with pytest.raises(DataError, match="--option text=COLUMN"):
        load(tmp_path)
    assert texts_in(tmp_path, options={"text": "text"}) == ['{"text": "a"}', '{"text": "b"}']


def test_a_list_that_is_named_a_table_may_hold_regions_as_texts(tmp_path: Path) -> None:
    texts = ['{"text": "a"}', '[{"transcription": "b", "points": []}]']
    write(tmp_path / "rec_gt.txt", "".join(f"{number}.png\t{text}\n" for number, text in enumerate(texts)))
    with pytest.raises(DataError, match="--format table --option text=2"):
        load(write(tmp_path / "a" / "rec_gt.txt", f"a.png\t{texts[0]}\n"))
    assert texts_in(tmp_path / "rec_gt.txt", name="table", options={"text": "2"}) == texts


def test_a_header_before_names_without_suffixes(tmp_path: Path) -> None:
    """A first image that is missing is no header, where its name has a number as those of the others."""
    for number in range(4):
        write_image(tmp_path / f"img{number}.png", number)
    rows = "".join(f"img{number},x{number}\n" for number in range(4))
    write(tmp_path / "a.csv", f"id,label\n{rows}")
    assert texts_in(tmp_path, options={"image": "id", "text": "label"}) == ["x0", "x1", "x2", "x3"]
    with pytest.raises(DataError, match="id, label"):
        load(tmp_path)
    write(tmp_path / "a.csv", rows)
    (tmp_path / "img0.png").unlink()
    assert texts_in(tmp_path) == ["x0", "x1", "x2", "x3"]


ROWS = ("Mean0 0.12 0.34 0.56 0.70", "Total" + " 12.5" * 14, "Sum 0.9 0.9 0.9 0.9")
PLACES = (
    "plate 0.5 0.5 0.2 0.1",
    "Car 0.00 0 -0.20 712.40 143.00 810.73 307.92 1.89 0.48 1.20 1.84 1.47 8.41 0.01",
)


@pytest.mark.parametrize("apart", [False, True])
def test_rows_of_numbers_are_texts_and_boxes_are_none(tmp_path: Path, apart: bool) -> None:
    """In a folder of its own, one row with numbers only hides no other; a named format is not asked for."""
    places = (tmp_path / "images", tmp_path / "texts") if apart else (tmp_path, tmp_path)
    name = "text_folders" if apart else "text_files"

    def put(texts: tuple[str, ...]) -> None:
        for number, text in enumerate(texts):
            write_image(places[0] / f"{number}.png", number)
            write(places[1] / f"{number}.txt", text)

    put(ROWS)
    assert texts_in(tmp_path) == list(ROWS)
    put(("1 2 3 4 5", "x", "y"))
    assert texts_in(tmp_path) == ["1 2 3 4 5", "x", "y"]
    put((*PLACES, PLACES[0]))
    with pytest.raises(DataError):
        load(tmp_path)
    assert texts_in(tmp_path, name=name) == [*PLACES, PLACES[0]]


def test_the_folder_one_stands_in_has_no_classes_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert class_names(Path()) == {}


def test_an_odd_line_among_classes_of_directions(tmp_path: Path) -> None:
    for number in range(2):
        write_image(tmp_path / f"{number}.png", number)
    write(tmp_path / "label.txt", "0 0_degree\n1 180_degree\n# made by x\n")
    write(tmp_path / "train.txt", "0.png 0\n1.png 1\n")
    assert texts_in(tmp_path, tasks=("orientation",)) == ["0", "180"]


def test_a_set_called_gt_is_whole(tmp_path: Path) -> None:
    regions = [{"points": [[2, 2], [30, 2], [30, 9], [2, 9]], "transcription": "Hi"}]
    write(tmp_path / "gt" / "labels.json", json.dumps({"a": regions}))
    for folder in ("gt", "pred"):
        write_image(tmp_path / folder / "a.png", 0)
    [sample] = load(tmp_path / "gt", tasks=("detection",))[1]["all"]
    assert sample.path == tmp_path / "gt" / "a.png"


@pytest.mark.parametrize(("kind", "is_read"), [("mask", True), ("rotated_bbox", False)])
def test_what_datumaro_holds_beside_outlines(tmp_path: Path, kind: str, is_read: bool) -> None:
    write_image(tmp_path / "a.png", 0)
    parts = [{"type": "polygon", "points": BOX, "attributes": {"text": "Hi"}}, {"type": kind}]
    for held in (parts, parts[1:]):
        items = [{"id": "a", "annotations": held, "image": {"path": "a.png"}}]
        write(tmp_path / "train.json", json.dumps({"categories": {}, "items": items}))
        if held is parts and is_read:
            with collected_notes() as notes:
                [sample] = load(tmp_path, tasks=("detection",))[1]["train"]
            assert [region.text for region in regions_of(sample.text)] == ["Hi"]
            assert any("mask 1 times" in note for note in notes)
        else:
            with pytest.raises(DataError, match=kind):
                load(tmp_path, tasks=("detection",))


def test_a_mask_beside_one_photo_is_told_by_its_suffix(tmp_path: Path) -> None:
    for name in ("im0.jpg", "im1.jpg", "im0.png"):
        write_image(tmp_path / name, 0)
    write(tmp_path / "a.csv", "image,text\nim0,x\nim1,y\n")
    with collected_notes() as notes:
        samples = load(tmp_path)[1]["all"]
    assert [sample.path.name for sample in samples] == ["im0.jpg", "im1.jpg"]
    assert any("as im0, are taken for images in .jpg" in note for note in notes)
    write_image(tmp_path / "im1.png", 0)
    with pytest.raises(DataError, match="move the others away"):
        load(tmp_path)


def test_a_flag_called_corrected_is_no_second_text(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "image,text,corrected\na.png,x,yes\nb.png,y,no\n")
    assert texts_in(tmp_path) == ["x", "y"]
