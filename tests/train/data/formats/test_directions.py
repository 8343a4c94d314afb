"""Labels of how lines stand: PaddleX's classes, folders of them, and what only looks like texts."""

from pathlib import Path

import pytest

from tests.contracts.format_examples import write_image
from train.data.folders.notes import collected_notes
from train.data.formats.loading import load
from train.errors import DataError

TASKS = ("orientation", "recognition", "detection")


@pytest.mark.parametrize(
    "places", [("a.png", "b.png"), ("0/a.png", "180/b.png"), ("0_degree/a.png", "180_degree/b.png")]
)
def test_classes_are_angles(tmp_path: Path, places: tuple[str, str]) -> None:
    for number, place in enumerate(places):
        write_image(tmp_path / place, number)
    if "/" not in places[0]:
        (tmp_path / "label.txt").write_text("0 0_degree\n1 180_degree\n")
        (tmp_path / "train.txt").write_text("a.png 0\nb.png 1\n")
    found, splits = load(tmp_path, tasks=TASKS)
    [samples] = splits.values()
    assert (found, [(one.path.name, one.text) for one in samples]) == (
        "orientation",
        [("a.png", "0"), ("b.png", "180")],
    )


def test_angles_need_no_classes_and_an_angle_may_have_two_folders(tmp_path: Path) -> None:
    places = ["0/a.png", "0_degree/b.png", "180/c.png"]
    for number, place in enumerate(places):
        write_image(tmp_path / place, number)
    assert [one.text for one in load(tmp_path, tasks=TASKS)[1]["all"]] == ["0", "0", "180"]
    (tmp_path / "label.txt").write_text("0 0_degree\n1 180_degree\n")
    (tmp_path / "ori_gt.txt").write_text("0/a.png\t0\n180/c.png\t180\n")
    assert [one.text for one in load(tmp_path, tasks=TASKS)[1]["all"]] == ["0", "180"]


@pytest.mark.parametrize(
    ("names", "lines", "remedy"),
    [
        ("0 cat\n1 dog\n", "a.png 0\nb.png 1\n", "0 is cat, 1 is dog; write what the images show"),
        ("0 cat\n1 dog\n", "a.png\t0\nb.png\t1\n", "move label.txt away"),
        ("0 cat\n1 dog\n", "a.png\t0,1\nb.png\t1,1\n", "0 is cat"),
        ("0 0_degree\n1 180_degree\n", "a.png 0\nb.png 1\n", "--task orientation"),
    ],
)
def test_classes_are_no_texts(tmp_path: Path, names: str, lines: str, remedy: str) -> None:
    """Where their names are what they are, as of digits, they may be."""
    for name in "ab":
        write_image(tmp_path / f"{name}.png", 0)
    (tmp_path / "train.txt").write_text(lines)
    load(tmp_path)
    (tmp_path / "label.txt").write_text(names)
    with pytest.raises(DataError, match=remedy):
        load(tmp_path)
    (tmp_path / "label.txt").write_text("0 0\n1 1\n")
    load(tmp_path)


@pytest.mark.parametrize(
    ("texts", "said"),
    [("012" * 3, "if these are classes"), ("013" * 3, ""), ("01", ""), (("0", "90"), "directions")],
)
def test_what_may_be_classes_is_told(tmp_path: Path, texts: str, said: str) -> None:
    (tmp_path / "rec_gt.txt").write_text("".join(f"{i}.png\t{text}\n" for i, text in enumerate(texts)))
    with collected_notes() as notes:
        load(tmp_path)
    assert any(said in line for line in notes) if said else not notes


@pytest.mark.parametrize("angles", [("0", "180"), ("0", "1"), ("90", "270")])
def test_angles_in_a_table_are_no_texts_of_upright_lines(tmp_path: Path, angles: tuple[str, str]) -> None:
    (tmp_path / "labels.csv").write_text(f"image,label\na.png,{angles[0]}\nb.png,{angles[1]}\n")
    assert [sample.text for sample in load(tmp_path)[1]["all"]] == list(angles)
    with pytest.raises(DataError, match=r"ori_gt\.txt"):
        load(tmp_path, tasks=TASKS)
