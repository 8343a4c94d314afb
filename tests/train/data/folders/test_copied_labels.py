"""Label files that were copied, renamed or cut off, each of one photo: none is taken for another photo's."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from train.data.folders.notes import collected_notes
from train.data.formats.loading import load
from train.errors import DataError


def voc(name: str, text: str) -> str:
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>9</ymax></bndbox>"
    return f"<annotation><filename>{name}</filename><object><name>{text}</name>{box}</object></annotation>"


def page(name: str, text: str) -> str:
    line = f'<Coords points="1,2 30,2 30,9 1,9"/><TextEquiv><Unicode>{text}</Unicode></TextEquiv>'
    return f'<PcGts><Page imageFilename="{name}"><TextLine>{line}</TextLine></Page></PcGts>'


def labelme(name: str, text: str) -> str:
    shape = {"label": text, "points": [[1, 2], [30, 2], [30, 9], [1, 9]]}
    return json.dumps({"shapes": [shape], "imagePath": name})


@pytest.mark.parametrize(("written", "suffix"), [(voc, "xml"), (page, "xml"), (labelme, "json")])
def test_files_that_name_one_photo_are_of_those_of_their_own_names(
    tmp_path: Path, written: Callable[[str, str], str], suffix: str
) -> None:
    """As those of augmented photos do; else two photos' regions would be taken for one's."""
    for name in ("a", "a_flipped", "b"):
        (tmp_path / f"{name}.jpg").touch()
        (tmp_path / f"{name}.{suffix}").write_text(written("b.jpg" if name == "b" else "a.jpg", name))
    with collected_notes() as notes:
        samples = load(tmp_path, tasks=("detection",))[1]["all"]
    assert [(sample.path.stem, json.loads(sample.text)[0]["transcription"]) for sample in samples] == [
        (name, name) for name in ("a", "a_flipped", "b")
    ]
    assert any("own name: 1" in note for note in notes)


@pytest.mark.parametrize(("written", "suffix"), [(voc, "xml"), (page, "xml"), (labelme, "json")])
def test_files_without_a_photo_of_their_own_are_of_the_one_that_they_name(
    tmp_path: Path, written: Callable[[str, str], str], suffix: str
) -> None:
    (tmp_path / "a.jpg").touch()
    for name in ("a_gt", "a_ocr"):
        (tmp_path / f"{name}.{suffix}").write_text(written("a.jpg", name))
    samples = load(tmp_path, tasks=("detection",))[1]["all"]
    assert [sample.path for sample in samples] == [tmp_path / "a.jpg"] * 2


def test_a_labelme_file_that_breaks_off_is_refused(tmp_path: Path) -> None:
    """It would be left aside with its photo; a file that no photo is called as is not LabelMe's."""
    for name in "ab":
        (tmp_path / f"{name}.jpg").touch()
        (tmp_path / f"{name}.json").write_text(labelme(f"{name}.jpg", "x"))
    (tmp_path / "settings.json").write_text("{")
    assert len(load(tmp_path, tasks=("detection",))[1]["all"]) == 2
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(DataError, match=r"b\.json:1"):
        load(tmp_path, tasks=("detection",))


def test_vocs_lists_name_photos_with_blanks_or_suffixes(tmp_path: Path) -> None:
    for name in ("my a", "b", "c"):
        (tmp_path / "JPEGImages").mkdir(exist_ok=True)
        (tmp_path / "JPEGImages" / f"{name}.jpg").touch()
        (tmp_path / "Annotations").mkdir(exist_ok=True)
        (tmp_path / "Annotations" / f"{name}.xml").write_text(voc(f"{name}.jpg", name))
    lists = tmp_path / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("b 1\n\t\n")
    (lists / "test.txt").write_text("my a\nc.jpg\n")
    found = load(tmp_path, tasks=("detection",))[1]
    assert {split: sorted(s.path.stem for s in samples) for split, samples in found.items()} == {
        "train": ["b"],
        "test": ["c", "my a"],
    }
    (lists / "val.txt").write_text("c.jpg\n")
    with pytest.raises(DataError, match=r"test\.txt:2, and in that of val"):
        load(tmp_path, tasks=("detection",))
