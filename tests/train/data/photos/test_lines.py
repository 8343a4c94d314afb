"""Labelled photos as lines to read: what is cut out of them, and what is not."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.data import images
from train.data.check import main as check
from train.data.convert import main as convert
from train.data.folders.notes import collected_notes
from train.data.formats.loading import load, load_file
from train.data.geometry.crops import crop
from train.data.photos.regions import Region, label_of
from train.sets.read import Source, read_splits
from train.tasks.recognition import Recognition

BOXES = {"AB": (10, 5, 90, 30), "C": (8.6, 40.2, 50, 58.7), "upright": (100, 2, 112, 58)}


def corners(left: float, top: float, right: float, bottom: float) -> tuple[tuple[float, float], ...]:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two photos with all kinds of regions, as PPOCRLabel saves them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photos = tmp_path / "photos"
    photos.mkdir()
    regions = [Region(corners(*box), text) for text, box in BOXES.items()]
    regions += [Region(corners(0, 0, 9, 9), text) for text in ("*", "###", "", "待识别", "TEMPORARY")]
    regions += [Region(corners(0, 0, 9, 9), "difficult", True), Region(corners(500, 0, 590, 20), "outside")]
    regions += [Region(corners(-900, -900, 1900, 900), "of a larger photo")]
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 255, (60, 120, 3), np.uint8)
        (photos / f"p{number}.png").write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    lines = [f"photos/p{number}.png\t{label_of(regions)}\n" for number in range(2)]
    (photos / "Label.txt").write_text("".join(lines), "utf-8")
    return photos


def test_the_texts_of_photos_are_cut_out_as_serving_cuts_them(folder: Path) -> None:
    before = sorted(folder.iterdir())
    name, splits = load(folder)
    assert (name, [sample.text for sample in splits["all"]]) == ("ppocrlabel", [*BOXES, *BOXES])
    photo = images.read(folder / "p1.png")
    for sample, box in zip(splits["all"][3:], BOXES.values(), strict=True):
        expected = crop(photo, np.rint(corners(*box)).astype(np.int32))
        assert np.array_equal(images.read(sample.path), expected)
    assert images.read(splits["all"][2].path).shape == (12, 56, 3)  # turned, as serving turns it
    assert sorted(folder.iterdir()) == before
    assert len({sample.source for sample in splits["all"]}) == len(splits["all"]), (
        "faults are counted by them"
    )
    assert load_file(folder / "Label.txt", name="ppocrlabel") == splits["all"]


def test_a_photo_that_is_missing_is_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "p0.png").unlink()
    assert check([str(folder), "--headers-only"]) == 1
    printed = capsys.readouterr().out
    assert "missing_file" in printed
    assert "p0.png" in printed
    assert "3 lines are cut out of 2 photos" in printed


def test_convert_writes_the_crops(folder: Path, tmp_path: Path) -> None:
    for split in ("training", "valid"):
        shutil.copytree(folder, tmp_path / "data" / split)
    convert([str(tmp_path / "data"), str(tmp_path / "out"), "--test-fraction", "0"])
    found = load(tmp_path / "out")[1]
    texts = {split: [sample.text for sample in samples] for split, samples in found.items()}
    assert texts == {"train": [*BOXES, *BOXES], "val": [*BOXES, *BOXES]}
    paths = [sample.path for samples in found.values() for sample in samples]
    assert all(path.is_file() and path.is_relative_to(tmp_path / "out") for path in paths)


def test_lists_of_lines_win_over_photos_and_this_is_said(folder: Path) -> None:
    (folder / "rec_gt.txt").write_text("crop_img/a.png\tA\n", "utf-8")
    with collected_notes() as notes:
        name, splits = load(folder)
    assert (name, len(splits["all"])) == ("paddleocr", 1)
    assert "Label.txt" in notes[0]


def test_a_run_cuts_the_lines_of_lists_into_its_cache(folder: Path, tmp_path: Path) -> None:
    lines = (folder / "Label.txt").read_text("utf-8").splitlines()
    (folder / "Label.txt").unlink()
    for split, line in zip(("train", "valid"), lines, strict=True):
        (folder / f"{split}.txt").write_text(line, "utf-8")
    splits, _ = read_splits(Source(folder, Recognition, test_fraction=0, cache=tmp_path / "here"))
    assert all(sample.path.is_relative_to(tmp_path / "here") for sample in splits.train)
    assert [sample.text for sample in splits.val] == [*BOXES]


def test_a_photo_that_was_labelled_as_it_lies_in_its_file_is_told(folder: Path) -> None:
    shape = {"label": "AB", "points": [[10, 5], [90, 30]], "shape_type": "rectangle"}
    for height, width, told in ((60, 120, False), (120, 60, True)):
        content = {"shapes": [shape], "imagePath": "p1.png", "imageHeight": height, "imageWidth": width}
        (folder / "p1.json").write_text(json.dumps(content))
        with collected_notes() as notes:
            load(folder / "p1.json")
        assert any("height for their width: 1" in line for line in notes) == told
