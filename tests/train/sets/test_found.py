"""Lines of photos as a detector finds them: by its boxes, without what it misses, training lines in many pictures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from train.cut import Cut
from train.data import images
from train.data.batching.versions import MARK, VERSIONS, PictureVersions, with_versions
from train.data.dataset import decode_samples
from train.data.geometry.crops import crop
from train.data.photos.box_errors import FEWEST
from train.data.photos.regions import Region, label_of, regions_of
from train.data.sample import Sample
from train.errors import DataError, UsageError
from train.sets.found import PICTURES
from train.sets.read import Source, read_sets, read_splits
from train.tasks.detection import Detection
from train.tasks.recognition import Recognition

HOW = Cut(along=0.2, direct=True)


class Shifted:
    """A detector that finds every text two pixels too far to the right, but those that begin with M."""

    name, key, may_know_photos = "shifted", "1", True

    def __init__(self) -> None:
        self.asked: list[int] = []

    def find(self, photos: Sequence[Sample]) -> list[Any]:
        self.asked.append(len(photos))
        return [
            np.array(
                [np.add(region.points, (2, 0)) for region in regions_of(photo.text) if region.text[0] != "M"]
            ).reshape(-1, 4, 2).astype(np.int32)
            for photo in photos
        ]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos of two texts each, named like pictures of them; a second one is missed in train, and one in val."""
    (tmp_path / "det_images").mkdir()
    for split, count in (("train", 14), ("val", FEWEST)):
        lines = []
        for number in range(count):
            pixels = np.random.default_rng(number).integers(0, 255, (60, 160, 3), np.uint8)
            name = f"det_images/{split}{number}.png{MARK}1.png"
            (tmp_path / name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
            first = ((10.0, 5.0), (110.0, 5.0), (110.0, 17.0), (10.0, 17.0))
            second = tuple((x, y + 30) for x, y in first)
            miss = "M" if number == 3 else "X"
            regions = [Region(first, f"A{split}{number}"), Region(second, f"{miss}{split}{number}")]
            lines.append(f"{name}\t{label_of(regions)}\n")
        (tmp_path / f"det_gt_{split}.txt").write_text("".join(lines), "utf-8")
    return tmp_path


def source(folder: Path, finder: Shifted, **changes: Any) -> Source:
    given = {"task": Recognition, "test_fraction": 0, "cache": folder / "cache", "finder": finder, "cut": HOW}
    return Source(folder, **given | changes)


def test_lines_are_cut_by_the_boxes_that_are_found(folder: Path) -> None:
    finder = Shifted()
    sets = read_sets(source(folder, finder))
    train, val = sets.samples["train"], sets.samples["val"]
    assert [len(train), len(val), len(sets.samples[VERSIONS])] == [28, 2 * FEWEST, 28 * PICTURES]
    told = "\n".join(sets.messages)
    assert f"val: {2 * FEWEST - 1} of {2 * FEWEST} texts are found by shifted" in told
    assert "on the validation photos" in told
    assert "ends +-0.00" in told  # every box errs alike
    assert len({sets.documents[sample.path] for sample in train}) == 14  # a photo each
    photo = images.read(folder / "det_images" / f"train3.png{MARK}1.png")
    box = np.array([[10, 5], [110, 5], [110, 17], [10, 17]])
    cut = {sample.text: images.read(sample.path) for sample in (*train, *val)}
    assert np.array_equal(cut["Atrain3"], crop(photo, np.add(box, (2, 0)), HOW))
    for name in ("train3", "val3"):  # missed: by its label
        photo = images.read(folder / "det_images" / f"{name}.png{MARK}1.png")
        assert np.array_equal(cut[f"M{name}"], crop(photo, np.add(box, (0, 30)), HOW))
    assert finder.asked == [14, FEWEST]
    read_splits(source(folder, finder))
    assert finder.asked == [14, FEWEST]  # kept


def test_every_epoch_has_another_picture_of_each_line(folder: Path) -> None:
    sets = read_sets(source(folder, Shifted()))
    decoded = {name: decode_samples(sets.samples[name]) for name in ("train", VERSIONS)}
    lines = with_versions(decoded)["train"]
    assert isinstance(lines, PictureVersions)
    epochs = [lines.at(epoch) for epoch in range(1, PICTURES + 2)]
    for index in range(len(lines)):
        assert len({epoch.sources[index] for epoch in epochs}) == PICTURES + 1
        assert lines.sources[index] in {epoch.sources[index] for epoch in epochs}
        own = Path(lines.sources[index]).stem
        assert all(Path(epoch.sources[index]).stem.startswith(own) for epoch in epochs)
        assert {epoch.image(index).shape[1] == epoch.widths[index] for epoch in epochs} == {True}
    assert {tuple(epoch.texts) for epoch in epochs} == {tuple(lines.texts)}


def test_a_test_split_of_which_nothing_is_found_is_read_by_its_labels_and_told(folder: Path) -> None:
    *val, last = (folder / "det_gt_val.txt").read_text("utf-8").splitlines(keepends=True)
    (folder / "det_gt_val.txt").write_text("".join(val), "utf-8")
    (folder / "det_gt_test.txt").write_text(last.replace('"A', '"M').replace('"X', '"M'), "utf-8")
    sets = read_sets(source(folder, Shifted()))
    assert len(sets.samples["test"]) == 2
    assert any(message.startswith("test: 0 of 2 texts are found") for message in sets.messages)


def test_a_handful_of_validation_texts_may_all_be_missed(folder: Path) -> None:
    """Of a few photos a detector that was trained on as few may find none: no reason to train no reader."""
    first = (folder / "det_gt_val.txt").read_text("utf-8").splitlines(keepends=True)[0]
    (folder / "det_gt_val.txt").write_text(first.replace('"A', '"M').replace('"X', '"M'), "utf-8")
    sets = read_sets(source(folder, Shifted()))
    assert len(sets.samples["val"]) == 2
    assert any(
        message.startswith("val: 0 of 2 texts are found by shifted; those") for message in sets.messages
    )


def test_what_cannot_be_trained_on_is_said_before_any_work(folder: Path) -> None:
    finder = Shifted()
    with pytest.raises(UsageError, match="--detection finds lines for a reader"):
        read_sets(source(folder, finder, task=Detection))
    path = folder / "det_gt_val.txt"
    path.write_text(path.read_text("utf-8").replace('"A', '"M').replace('"X', '"M'), "utf-8")
    with pytest.raises(DataError, match="labelled texts must be found"):
        read_sets(source(folder, finder))


class WholeLines(Shifted):
    """A detector that finds the two texts of a photo, which stand side by side, as one."""

    def find(self, photos: Sequence[Sample]) -> list[Any]:
        return [np.array([[[8, 4], [152, 4], [152, 18], [8, 18]]], np.int32) for _ in photos]


def test_words_in_one_box_are_one_line_for_a_reader_whose_lines_are_divided(folder: Path) -> None:
    for split, count in (("train", 14), ("val", FEWEST)):
        ends = ((10.0, 75.0), (80.0, 150.0))
        boxes = [((a, 5.0), (b, 5.0), (b, 17.0), (a, 17.0)) for a, b in ends]
        lines = []
        for number in range(count):
            regions = [Region(box, f"{letter}{number}") for box, letter in zip(boxes, "AB", strict=True)]
            lines.append(f"det_images/{split}{number}.png{MARK}1.png\t{label_of(regions)}\n")
        (folder / f"det_gt_{split}.txt").write_text("".join(lines), "utf-8")
    with pytest.raises(DataError, match="labelled texts must be found"):
        read_sets(source(folder, WholeLines()))
    sets = read_sets(source(folder, WholeLines(), cut=Cut(words=True)))
    train = sets.samples["train"]
    assert (len(train), train[3].text) == (14, "A3 B3")
    assert "train: 14 of 14 texts are found by shifted, 14 of them lines of several words" in sets.messages
    photo = images.read(folder / "det_images" / f"train3.png{MARK}1.png")
    assert np.array_equal(images.read(train[3].path), crop(photo, [[8, 4], [152, 4], [152, 18], [8, 18]]))
