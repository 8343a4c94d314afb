"""A label file is found by its image's name in another Unicode form or letter case, and never for two images."""

import json
import unicodedata
from pathlib import Path

import pytest

from tests.contracts.format_examples import write_image
from train.data.folders.beside import FEW, files_of_sets
from train.data.formats.loading import load
from train.data.photos.regions import regions_of
from train.errors import DataError

CORNERS = "1,2,30,2,30,9,1,9,Hi"
SHAPES = json.dumps(
    {
        "shapes": [{"label": "Hi", "points": [[1, 2], [30, 9]], "shape_type": "rectangle"}],
        "imagePath": "é.PNG",
    }
)
FORMS = {
    "text_files": ("é.gt.txt", "Hi"),
    "image_json": ("é.json", '{"corrected_text": "Hi"}'),
    "corners_list": ("é.txt", CORNERS),
    "icdar": ("gt_é.txt", CORNERS),
    "labelme": ("é.json", SHAPES),
    "yolo": ("é.txt", "0 0.4 0.4 0.2 0.2"),
}


LINES = {"text_files", "image_json"}


def texts_of(folder: Path) -> dict[str, str]:
    return {sample.path.name: sample.text for sample in load(folder)[1]["all"]}


@pytest.mark.parametrize("name", FORMS)
def test_a_label_file_whose_name_a_system_has_changed(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "é.PNG", 0)
    file, content = FORMS[name]
    changed = unicodedata.normalize("NFD", Path(file).stem + Path(file).suffix.upper())
    (tmp_path / changed).write_text(content)
    found, splits = load(tmp_path, tasks=("recognition" if name in LINES else "detection",))
    [sample] = splits["all"]
    texts = [sample.text] if name in LINES else [region.text for region in regions_of(sample.text)]
    assert (found, texts) == (name, [""] if name == "yolo" else ["Hi"])


def test_a_label_file_is_that_of_one_image(tmp_path: Path) -> None:
    """`A.png` has none: that it may be is no reason to take its neighbour's."""
    for number, name in enumerate(("a.png", "A.png")):
        write_image(tmp_path / name, number)
    (tmp_path / "a.gt.txt").write_text("Hi")
    assert texts_of(tmp_path) == {"A.png": "", "a.png": "Hi"}


def test_names_that_differ_in_case_alone_keep_their_labels(tmp_path: Path) -> None:
    for number, name in enumerate("aA"):
        write_image(tmp_path / f"{name}.png", number)
        (tmp_path / f"gt_{name}.txt").write_text(CORNERS)
    samples = load(tmp_path, tasks=("detection",))[1]["all"]
    assert [sample.path.name for sample in samples] == ["A.png", "a.png"]


@pytest.mark.parametrize("name", ["text_files", "image_json", "corners_list"])
def test_two_label_files_of_one_image_are_none(tmp_path: Path, name: str) -> None:
    """Which of them is meant nobody can tell."""
    file, content = FORMS[name]
    write_image(tmp_path / "é.png", 0)
    write_image(tmp_path / "b.png", 1)
    for stem in ("É", "e\u0301", "b"):
        (tmp_path / file.replace("é", stem)).write_text(content)
    if name in LINES:
        texts = texts_of(tmp_path)
        assert (texts["b.png"], texts["é.png"]) == ("Hi", "")
        return
    with pytest.raises(DataError, match=r"é\.png"):
        load(tmp_path)


@pytest.mark.parametrize(("count", "own"), [(FEW, FEW), (FEW + 1, 0)])
def test_the_many_labels_of_single_images_are_not_opened_as_those_of_a_set(
    tmp_path: Path, count: int, own: int
) -> None:
    for number in range(count):
        for end in (".PNG", ".json", ".gt.txt"):
            (tmp_path / f"{number}{end}").touch()
    for name in ("labels.json", "gt.txt"):
        (tmp_path / name).touch()
    for suffix in (".json", ".txt"):
        assert len(files_of_sets(tmp_path, suffix)) == own + 1
